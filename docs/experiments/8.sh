#!/bin/bash
# What ContinueUpdateRollback refuses, and what is said to other calls on a locked
# stack. No service. About 6 minutes.
. "$(dirname "$0")/lib.sh"
s=lab-refusals
make $s lock.yaml
said "no such stack" cf continue-update-rollback --stack-name lab-none
said "not failed" cf continue-update-rollback --stack-name $s
change $s lock.yaml Release=two Tier=Advanced SecondTier=Advanced Ending=bad
rest $s locked
said "failed to roll back" cf describe-stack-resources --stack-name $s --query "StackResources[?ResourceStatus=='UPDATE_FAILED'&&LogicalResourceId!='Last'].LogicalResourceId"
try() { local name=$1; shift; said "$name" cf continue-update-rollback --stack-name $s --resources-to-skip "$@"; rest $s >/dev/null; }
try "unknown" Nope
try "the stack's own name" $s.Door
try "one good, one unknown" Door Nope
try "one that is well" Door Well
try "one that failed on the way up" Door Last
said "cancel" cf cancel-update-stack --stack-name $s
said "roll back" cf rollback-stack --stack-name $s
said "change set" cf create-change-set --stack-name $s --change-set-name x --use-previous-template
accepted() { local name=$1 out; shift; if out=$("$@" 2>&1); then echo "$name: accepted"; else echo "$name: $(plain <<<"$out")"; fi; }
accepted drift cf detect-stack-drift --stack-name $s
if aws cloudformation continue-update-rollback help 2>/dev/null | grep -q force-rollback; then # CLIs since October 2026
  quiet cf continue-update-rollback --stack-name $s --force-rollback
else
  quiet cf continue-update-rollback --stack-name $s --resources-to-skip Door
  rest $s "Door skipped"
  quiet cf continue-update-rollback --stack-name $s --resources-to-skip Second
fi
rest $s unlocked
sed 's/Type: String, Tier/Type: Text, Tier/' "$lab/lock.yaml" >"${TMPDIR:-/tmp}/wrong.yaml"
accepted "a property that is wrong" cf update-stack --stack-name $s --template-body "file://${TMPDIR:-/tmp}/wrong.yaml"
rest $s "a property that is wrong"
