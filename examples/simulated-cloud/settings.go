package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// settings are what the repeatable flags ask for. They are checked as they are
// read, and applied once the cloud is built.
type settings struct {
	switches simtype.Switches
	apply    []func(*rescuetest.Cloud)
}

// flipSwitch reads -switch NAME=VALUE.
func (s *settings) flipSwitch(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("want NAME=VALUE")
	}
	return s.switches.Set(name, value)
}

// fail reads -fail STACK.RESOURCE=create|update|rollback|delete|validation|hook.
func (s *settings) fail(text string) error {
	place, phase, ok := strings.Cut(text, "=")
	stack, id, ok2 := strings.Cut(place, ".")
	p := simtype.Phase(phase)
	switch p {
	case simtype.OnCreate, simtype.OnUpdate, simtype.OnRollback, simtype.OnDelete, simtype.OnValidation, simtype.OnHook:
	default:
		ok = false
	}
	if !ok || !ok2 {
		return errors.New("want STACK.RESOURCE=create, update, rollback, delete, validation or hook")
	}
	s.apply = append(s.apply, func(c *rescuetest.Cloud) { c.FailResource(stack, id, p, "failed as -fail asked") })
	return nil
}

// deny reads -deny ACTION.
func (s *settings) deny(action string) error {
	if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" {
		return errors.New(`want an IAM action such as ecs:UpdateService, or ecs:*`)
	}
	s.apply = append(s.apply, func(c *rescuetest.Cloud) { c.Inject(simtype.Fault{Action: action, Kind: simtype.Deny}) })
	return nil
}

// image reads -image REF[=program]; "gone" takes the image away.
func (s *settings) image(text string) error {
	ref, program, _ := strings.Cut(text, "=")
	if program == "gone" {
		s.apply = append(s.apply, func(c *rescuetest.Cloud) { c.RemoveImage(ref) })
		return nil
	}
	run, err := rescuetest.ParseProgram(program)
	if err != nil {
		return fmt.Errorf("%w, and gone", err)
	}
	s.apply = append(s.apply, func(c *rescuetest.Cloud) { c.AddImage(ref, run) })
	return nil
}
