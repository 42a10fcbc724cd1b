#!/bin/bash
# A nested stack that locked alone: it was updated itself, and its root is well. Does
# the root's next update take it along; can it be continued? About 6 minutes.
. "$(dirname "$0")/lib.sh"
base
s=lab-alone
url=https://$Templates.s3.$AWS_DEFAULT_REGION.amazonaws.com/alone.yaml
quiet aws s3 cp "$lab/lock.yaml" "s3://$Templates/alone.yaml"
make $s root.yaml Child="$url"
left=$(cf describe-stack-resource --stack-name $s --logical-resource-id Left --query StackResourceDetail.PhysicalResourceId)
change "$left" lock.yaml Release=two Tier=Advanced Ending=bad
rest "$left" Left
said "continue the root" cf continue-update-rollback --stack-name $s
change $s root.yaml Child="$url" Note=again
rest $s "root, the child's parameters as before"
said "why" cf describe-stack-events --stack-name $s --query "StackEvents[?LogicalResourceId=='Left'&&ResourceStatus=='UPDATE_FAILED']|[0].ResourceStatusReason"
change $s root.yaml Child="$url" Release=three
rest $s "root, the child's parameters changed"
said "skip the child" cf continue-update-rollback --stack-name $s --resources-to-skip Left
said "continue the child" cf continue-update-rollback --stack-name "$left" --resources-to-skip Door
rest "$left" Left
