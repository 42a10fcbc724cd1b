#!/bin/bash
# Deletes what the experiments made. Run it twice if something resists.
. "$(dirname "$0")/lib.sh"
for s in locked continue outputs nested alone digest inputs refusals cleanup exits-1 exits-20 exits-60 never stopped; do
  [ -z "$(status lab-$s)" ] || quiet cf delete-stack --stack-name lab-$s
done
for s in locked continue outputs nested alone digest inputs refusals cleanup exits-1 exits-20 exits-60 never stopped; do rest lab-$s; done
bucket=lab-cleanup-$(aws sts get-caller-identity --query Account)-$AWS_DEFAULT_REGION
aws s3 rb "s3://$bucket" --force >/dev/null 2>&1
aws dynamodb update-table --table-name lab-cleanup --no-deletion-protection-enabled >/dev/null 2>&1 && sleep "$TICK" && aws dynamodb delete-table --table-name lab-cleanup >/dev/null
for g in $(aws logs describe-log-groups --log-group-name-prefix /lab/cleanup --query 'logGroups[].logGroupName'); do quiet aws logs delete-log-group --log-group-name "$g"; done
for n in $(aws ssm describe-parameters --parameter-filters Key=Name,Option=BeginsWith,Values=/lab/ --query 'Parameters[].Name'); do quiet aws ssm delete-parameter --name "$n"; done
for n in in out cleanup; do aws secretsmanager delete-secret --secret-id lab/$n --force-delete-without-recovery >/dev/null 2>&1; done
bucket=$(of Templates)
[ -z "$bucket" ] || quiet aws s3 rm "s3://$bucket" --recursive
quiet cf delete-stack --stack-name lab-base
rest lab-base
