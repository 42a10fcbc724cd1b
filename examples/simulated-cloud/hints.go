package main

// What is printed at the start: in bash it can be pasted as it is. The first
// value of a hint is the endpoint.

const header = `# account %[1]s, region %[2]s, time passes %[3]g times as fast

  export AWS_ENDPOINT_URL=%[4]s
  export AWS_REGION=%[2]s
  export AWS_DEFAULT_REGION=%[2]s
  export AWS_ACCESS_KEY_ID=AKIDSIMULATED AWS_SECRET_ACCESS_KEY=simulated
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE

`

const emptyHint = `# to try (older AWS CLIs want the endpoint as an option each time):

  aws --endpoint-url %[1]s sts get-caller-identity
  aws --endpoint-url %[1]s s3 mb s3://templates

`

// The other values are the stack, the cluster and the service.
const incidentHint = `# what happened to the stack "%[2]s", and the way out by hand (older AWS CLIs
# want the endpoint as an option each time):

  awssim() { aws --endpoint-url %[1]s "$@"; }
  awssim cloudformation describe-stacks --query 'Stacks[].[StackName,StackStatus]' --output text
  awssim cloudformation describe-stack-events --stack-name %[2]s --max-items 20
  awssim ecs describe-services --cluster %[3]s --services %[4]s
  awssim ecs list-tasks --cluster %[3]s --desired-status STOPPED
  awssim logs describe-log-groups
  awssim ecr describe-repositories
  awssim cloudformation continue-update-rollback --stack-name %[2]s
  awssim cloudformation continue-update-rollback --stack-name %[2]s --resources-to-skip NESTED_NAME.Service

`
