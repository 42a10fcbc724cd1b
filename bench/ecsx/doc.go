// Package ecsx measures package ecsx on the simulated cloud: how soon the verdict
// on a deployment comes and what it costs, beside the SDK's waiter in the same run
// (P1); how many calls and how much time the evidence of 1,000 stopped tasks takes
// (P2); clusters that are skewed, silent or without their log group; and the memory
// of 10,000 tasks. The tests print their figures:
//
//	go test -v -trials 40 .
package ecsx
