#!/bin/bash
# What a continued rollback deploys, and what it sends with it. The service is well
# on the new revision and scaled by hand; something else locks the stack. About 20
# minutes, and on AWS a look at CloudTrail's UpdateService events a quarter of an
# hour later.
. "$(dirname "$0")/lib.sh"
base
s=lab-continue
image one continue-one
image two continue-two
p=(Subnet="$Subnet" Role="$Role")
make $s service.yaml Image="$Images:one" "${p[@]}"
by_hand() { quiet aws ecs update-service --cluster lab --service $s --desired-count 2 --deployment-configuration 'minimumHealthyPercent=50,maximumPercent=150,deploymentCircuitBreaker={enable=true,rollback=true}'; }
look() { said "$1: revision, count, percents" aws ecs describe-services --cluster lab --services $s --query 'services[0].[taskDefinition,desiredCount,deploymentConfiguration.minimumHealthyPercent,deploymentConfiguration.maximumPercent]'; }
by_hand
change $s service.yaml Image="$Images:two" Release=two Tier=Advanced Ending=bad "${p[@]}"
reached $s Service UPDATE_COMPLETE
look forward
rest $s locked
look locked
by_hand
quiet cf continue-update-rollback --stack-name $s --resources-to-skip Door
rest $s continued
look continued
