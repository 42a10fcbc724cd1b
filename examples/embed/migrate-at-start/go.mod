module github.com/stackrescue/stackrescue/examples/embed/migrate-at-start

go 1.26.0

require github.com/stackrescue/stackrescue v0.0.0

require (
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/time v0.13.0 // indirect
)

replace github.com/stackrescue/stackrescue => ../../..
