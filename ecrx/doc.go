// Package ecrx answers whether the images that a rollback needs are there, and
// will be: image references, their state in ECR, and the lifecycle policies
// that decide how long that lasts.
//
// # Access
//
// Every function takes the SDK clients it needs as narrow interfaces named
// <Verb>API: the method set is the list of calls. No call counts as a pull, and
// none makes a pull-through cache import an image.
//
// # Unknown
//
// What could not be read, for want of permission or because of throttling, is
// reported as unknown and never as missing.
package ecrx
