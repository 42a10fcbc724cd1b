package main

// What is printed at the start. The first %s of a hint is the endpoint.

const header = `account %s, region %s, time passes %g times as fast

  export AWS_ENDPOINT_URL=%s
  export AWS_REGION=%s AWS_DEFAULT_REGION=$AWS_REGION
  export AWS_ACCESS_KEY_ID=AKIDSIMULATED AWS_SECRET_ACCESS_KEY=simulated
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE

`

const emptyHint = `to try (older AWS CLIs want the endpoint as an option each time):

  aws --endpoint-url %[1]s sts get-caller-identity
  aws --endpoint-url %[1]s s3 mb s3://templates

`

const incidentHint = `the stack "prod" is stuck; its story, and the way out by hand (older AWS CLIs
want the endpoint as an option each time):

  alias awssim='aws --endpoint-url %[1]s'
  awssim cloudformation describe-stacks --query 'Stacks[].[StackName,StackStatus]' --output text
  awssim cloudformation describe-stack-events --stack-name prod --max-items 20
  awssim ecs describe-services --cluster prod --services backend
  awssim ecs list-tasks --cluster prod --desired-status STOPPED
  awssim logs filter-log-events --log-group-name /prod/backend
  awssim ecr describe-images --repository-name backend
  awssim cloudformation continue-update-rollback --stack-name prod
  awssim cloudformation continue-update-rollback --stack-name prod --resources-to-skip NESTED_NAME.Service

`
