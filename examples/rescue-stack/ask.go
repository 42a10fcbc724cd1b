package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/stackrescue/stackrescue/rescue"
)

// ask lets a person confirm a step.
func ask(stdin *bufio.Reader, stdout io.Writer, s rescue.Step) bool {
	fmt.Fprintf(stdout, "%s %s (risk: %s)? type yes: ", s.ID, s.Subject, s.Risk)
	line, _ := stdin.ReadString('\n')
	return strings.TrimSpace(line) == "yes"
}
