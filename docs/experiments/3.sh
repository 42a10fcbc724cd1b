#!/bin/bash
# Outputs of a resource that was skipped, and what the next update sends it. No
# service. About 5 minutes.
. "$(dirname "$0")/lib.sh"
s=lab-outputs
make $s lock.yaml
change $s lock.yaml Release=two Tier=Advanced Ending=bad
rest $s locked
outputs $s locked
said "locked: why" cf describe-stack-resource --stack-name $s --logical-resource-id Door --query StackResourceDetail.ResourceStatusReason
quiet cf continue-update-rollback --stack-name $s
rest $s "continued"
quiet cf continue-update-rollback --stack-name $s --resources-to-skip Door
rest $s skipped
outputs $s skipped
said "skipped: the parameter itself" value /lab/$s/door
change $s lock.yaml Note=again
rest $s next
outputs $s next
said "next: the parameter itself" value /lab/$s/door
# The parameter made anew is Standard: the cause is mended, a plain continue would do.
quiet aws ssm delete-parameter --name /lab/$s/door
