// Package ecr holds package ecrx against a registry that is not ours: the
// in-memory one of go-containerregistry.
package ecr
