#!/bin/bash
# Which image a rollback runs when the tag has moved: the recorded digest, or what the
# tag names now; with the old ones gone, and by ECS's own rollback. About 25 minutes.
. "$(dirname "$0")/lib.sh"
base
s=lab-digest
p=(Subnet="$Subnet" Role="$Role")
declare -A called
push() { image "$1" "$s-$2"; called[$(digest "$1")]=$2; }
runs() { local d; d=$(running $s); echo "$1: ${called[$d]:-$d}, revision $(deployed $s)"; }
push live first
make $s service.yaml Image="$Images:live" "${p[@]}"
runs "deployed"
push live second
push other other
change $s service.yaml Image="$Images:other" Release=two Ending=bad "${p[@]}"
rest $s "rolled back"
runs "rolled back runs"
quiet aws ecs update-service --cluster lab --service $s --force-new-deployment
while [ "$(aws ecs describe-services --cluster lab --services $s --query 'services[0].deployments[0].rolloutState')" = IN_PROGRESS ]; do sleep "$TICK"; done
runs "forced runs"
for d in "${!called[@]}"; do case ${called[$d]} in first | second) quiet aws ecr batch-delete-image --repository-name lab/app --image-ids "imageDigest=$d" ;; esac; done
push live stand-in
change $s service.yaml Image="$Images:other" Release=three Ending=bad "${p[@]}"
rest $s "rolled back to an image that is gone"
runs "stand-in runs"
