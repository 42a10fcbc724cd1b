#!/bin/bash
# Values from outside the stack: which ones a rollback uses when the store has changed
# meanwhile. No service. About 4 minutes.
. "$(dirname "$0")/lib.sh"
s=lab-inputs
put() {
  local n
  for n in typed reference; do quiet aws ssm put-parameter --overwrite --type String --name /lab/in/$n --value "$1"; done
  aws secretsmanager put-secret-value --secret-id lab/in --secret-string "$1" >/dev/null 2>&1 || quiet aws secretsmanager create-secret --name lab/in --secret-string "$1"
}
look() {
  said "$1: parameter" value /lab/out/parameter
  said "$1: reference" value /lab/out/reference
  said "$1: secret" aws secretsmanager get-secret-value --secret-id lab/out --query SecretString
}
put old
make $s inputs.yaml
look created
put new
change $s inputs.yaml Ending=bad Round=second
rest $s "rolled back"
look "rolled back"
said "parameter as the stack shows it" cf describe-stacks --stack-name $s --query 'Stacks[0].Parameters[?ParameterKey==`Typed`].ResolvedValue'
