#!/bin/bash
# What the clean-up after a failed update deletes, what it leaves, and how the stack
# ends. `9.sh --retain-except-on-create` runs it with that flag. No tasks. About 12
# minutes.
. "$(dirname "$0")/lib.sh"
s=lab-cleanup
bucket=lab-cleanup-$(aws sts get-caller-identity --query Account)-$AWS_DEFAULT_REGION
make $s cleanup.yaml Bucket="$bucket"
FLAGS=${1:-} change $s cleanup.yaml Bucket="$bucket" More=yes Release=two
reached $s Filled CREATE_COMPLETE
quiet aws s3 cp "$lab/lock.yaml" "s3://$bucket/x"
rest $s "rolled back"
said "reason" cf describe-stacks --stack-name $s --query 'Stacks[0].StackStatusReason'
there() { local name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name: left"; else echo "$name: gone"; fi; }
for g in plain retained except-on-create; do echo "log group $g: $(aws logs describe-log-groups --log-group-name-prefix /lab/cleanup/$g --query 'length(logGroups)') left"; done
there "bucket with an object" aws s3api head-bucket --bucket "$bucket"
there secret aws secretsmanager describe-secret --secret-id lab/cleanup
said "revision of before" aws ecs describe-task-definition --task-definition lab-cleanup:1 --query taskDefinition.status
said "revision of the update" aws ecs describe-task-definition --task-definition lab-cleanup:2 --query taskDefinition.status
said "protected table" cf describe-stack-events --stack-name $s --query "StackEvents[?LogicalResourceId=='Protected'&&ResourceStatus=='DELETE_FAILED']|length(@)"
FLAGS=--disable-rollback change $s cleanup.yaml Bucket="$bucket" Release=three
rest $s "a replacement without rollback"
said "why" cf describe-stack-resource --stack-name $s --logical-resource-id Task --query StackResourceDetail.ResourceStatusReason
quiet cf rollback-stack --stack-name $s
rest $s "rolled back by hand"
