package ecrx

import "github.com/stackrescue/stackrescue/internal/awsretry"

// tries is how often a read is tried in all when it fails for a passing reason.
const tries = awsretry.Tries
