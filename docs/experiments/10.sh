#!/bin/bash
# Clocks and counters of ECS: does the circuit breaker count tasks that exit after they
# ran; when does CloudFormation give up; what a stopped deployment says; how long a
# stopped task is described. 3 to 5 hours: start it first, it only waits.
. "$(dirname "$0")/lib.sh"
base
p=(Subnet="$Subnet" Role="$Role" Rollback=false)
busybox=public.ecr.aws/docker/library/busybox:stable
FLAGS=--disable-rollback
# shellcheck disable=SC2046
make_() { local s=$1; shift; quiet cf create-stack --stack-name "$s" --template-body "file://$lab/service.yaml" --disable-rollback --parameters $(with "$@" "${p[@]}"); }
for n in 1 20 60; do
  i=$busybox
  [ -z "${SIMULATED:-}" ] || i=registry.example/exits:$n # images run programs there, not commands
  make_ lab-exits-$n Image=$i Lasts=$n
done
make_ lab-never Image="$Images:missing" Breaker=false
FLAGS=
image one clocks
make lab-stopped service.yaml Image="$Images:one" Breaker=false "${p[@]}"
change lab-stopped service.yaml Image="$Images:missing" Release=two Breaker=false "${p[@]}"
reached lab-stopped Service UPDATE_IN_PROGRESS
sleep "$TICK"
d=$(aws ecs list-service-deployments --cluster lab --service lab-stopped --query 'serviceDeployments[0].serviceDeploymentArn')
said "stop with ABORT" aws ecs stop-service-deployment --service-deployment-arn "$d" --stop-type ABORT
quiet aws ecs stop-service-deployment --service-deployment-arn "$d" --stop-type ROLLBACK
rest lab-stopped "stopped by a user"
said "stopped by a user" aws ecs describe-service-deployments --service-deployment-arns "$d" --query 'serviceDeployments[0].[status,statusReason]'
said "stop again" aws ecs stop-service-deployment --service-deployment-arn "$d" --stop-type ROLLBACK
for n in 1 20 60; do
  rest lab-exits-$n "exits after $n s"
  said "exits after $n s" aws ecs describe-services --cluster lab --services lab-exits-$n --query 'services[0].deployments[0].rolloutState'
done
rest lab-never "image missing, no breaker"
said "image missing, no breaker" cf describe-stack-resource --stack-name lab-never --logical-resource-id Service --query StackResourceDetail.ResourceStatusReason
