#!/bin/bash
# A nested stack that locks with its root: which names a skip takes, what the well
# sibling does, whose events the root's operation has, and when the object behind an
# unchanged TemplateURL is read again. No service. About 8 minutes.
. "$(dirname "$0")/lib.sh"
base
s=lab-nested
url=https://$Templates.s3.$AWS_DEFAULT_REGION.amazonaws.com/lock.yaml
quiet aws s3 cp "$lab/lock.yaml" "s3://$Templates/lock.yaml"
make $s root.yaml Child="$url"
child() { cf describe-stack-resource --stack-name $s --logical-resource-id "$1" --query StackResourceDetail.PhysicalResourceId; }
left=$(child Left) right=$(child Right)
name=$(cut -d/ -f2 <<<"$left")
sed 's/Default: stored/Default: read-again/' "$lab/lock.yaml" >"${TMPDIR:-/tmp}/again.yaml"
quiet aws s3 cp "${TMPDIR:-/tmp}/again.yaml" "s3://$Templates/lock.yaml"
change $s root.yaml Child="$url" Release=two Tier=Advanced Ending=bad
rest $s locked
said "locked: Left, Right" cf describe-stack-resources --stack-name $s --query "StackResources[?ResourceType=='AWS::CloudFormation::Stack'].ResourceStatus"
said "locked: stack Left" status "$left"
said "locked: stack Right" status "$right"
outputs "$left" "locked: Left"
outputs $s "locked: root"
said "locked: template of Left" noted "$left"
op=$(cf describe-stacks --stack-name $s --query 'Stacks[0].LastOperations[0].OperationId' 2>/dev/null)
[ -z "$op" ] || [ "$op" = None ] || said "locked: the operation's events of Door" cf describe-events --operation-id "$op" --query "length(OperationEvents[?LogicalResourceId=='Door'])"
try() { said "skip $2" cf continue-update-rollback --stack-name $s --resources-to-skip "$1"; rest $s >/dev/null; }
try Nope Nope
try Left Left
try Door Door
try Left.Door Left.Door
try "$name.Well" NAME.Well
said "continue the child" cf continue-update-rollback --stack-name "$left"
quiet cf continue-update-rollback --stack-name $s --resources-to-skip "$name.Door"
rest $s "skip NAME.Door"
outputs "$left" "skipped: Left"
outputs $s "skipped: root"
said "skipped: template of Left" noted "$left"
change $s root.yaml Child="$url" Note=again
rest $s next
said "next: template of Left" noted "$left"
said "next: template of Right" noted "$right"
