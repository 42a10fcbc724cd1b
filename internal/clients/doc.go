// Package clients holds tests that drive the simulated cloud with programs
// that this project did not write: the AWS CLI, the CDK CLI and boto3.
//
// A client that is not installed is skipped with the reason;
// STACKRESCUE_NO_SKIP=1 makes that a failure. The CDK CLI is looked for in the
// folder that STACKRESCUE_TOOLS names, by default stackrescue in the user's
// cache folder, under aws-cdk-VERSION as npm's --prefix.
package clients
