#!/bin/bash
# What a locked stack shows: the template and the parameters of before or those of
# the attempt; its executed change set; what becomes of the failed revision.
# A service without a task to spare, a new image that is missing and an old one
# that is deleted meanwhile. About 30 minutes.
. "$(dirname "$0")/lib.sh"
base
s=lab-locked
image old-1 locked
p=(Subnet="$Subnet" Role="$Role" Minimum=0 Maximum=100)
make $s service.yaml Image="$Images:old-1" "${p[@]}"
sed 's/^Description: .*/Description: attempted/' "$lab/service.yaml" >"${TMPDIR:-/tmp}/attempted.yaml"
# shellcheck disable=SC2046
quiet cf create-change-set --stack-name $s --change-set-name lab-two --template-body "file://${TMPDIR:-/tmp}/attempted.yaml" --parameters $(with Image="$Images:missing" Release=two "${p[@]}")
set_=$(cf describe-change-set --stack-name $s --change-set-name lab-two --query ChangeSetId)
while [ "$(cf describe-change-set --change-set-name "$set_" --query Status)" != CREATE_COMPLETE ]; do sleep "$TICK"; done
quiet cf execute-change-set --change-set-name "$set_"
quiet aws ecr batch-delete-image --repository-name lab/app --image-ids imageTag=old-1
rest $s locked
said "locked: parameter Release" argument $s Release
said "locked: template" described --stack-name $s
outputs $s locked
[ "$(cf describe-stacks --stack-name $s --query 'Stacks[0].ChangeSetId')" = "$set_" ] && echo "locked: the stack names its change set"
said "change set by its ARN" cf describe-change-set --change-set-name "$set_" --query ExecutionStatus
said "change set by its name" cf describe-change-set --stack-name $s --change-set-name lab-two --query ExecutionStatus
said "template by the change set's ARN" described --change-set-name "$set_"
said "rollouts" aws ecs describe-services --cluster lab --services $s --query 'services[0].deployments[].rolloutState'
said "update" cf update-stack --stack-name $s --use-previous-template
quiet cf continue-update-rollback --stack-name $s --resources-to-skip Service
rest $s skipped
said "skipped: failed revision" aws ecs describe-task-definition --task-definition $s:2 --query taskDefinition.status
said "skipped: template by the change set's ARN" described --change-set-name "$set_"
