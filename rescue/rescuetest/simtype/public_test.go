package simtype_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// What users of rescuetest handle is declared where they can read and name it:
// no type of it, nor of a field or method of it, is an internal package's.
func TestTypesArePublic(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var check func(typ reflect.Type, path string)
	check = func(typ reflect.Type, path string) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		assert.NotContains(t, typ.PkgPath(), "/internal/", path)
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			check(typ.Elem(), path)
		case reflect.Struct:
			for f := range typ.Fields() {
				if f.IsExported() {
					check(f.Type, path+"."+f.Name)
				}
			}
		case reflect.Func:
			for i := range typ.NumIn() {
				check(typ.In(i), path)
			}
		}
		for m := range typ.Methods() {
			check(m.Type, path+"."+m.Name)
		}
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[*simtype.Container](), reflect.TypeFor[simtype.Program](), reflect.TypeFor[simtype.Switches](),
		reflect.TypeFor[simtype.Phase](), reflect.TypeFor[simtype.Fault](), reflect.TypeFor[rescuetest.Options](), reflect.TypeFor[rescuetest.IncidentOptions](),
	} {
		check(typ, typ.String())
	}
}

// A program that migrates before it serves, and takes its time to stop.
func ExampleProgram() {
	var program simtype.Program = func(c *simtype.Container) {
		c.Print("migrating to " + c.Env("REVISION"))
		c.After(20*time.Second, func() { c.SetHealthy(true) })
		c.OnStop(func() {
			c.Print("draining")
			c.After(10*time.Second, func() { c.Exit(0) })
		})
	}
	cloud := rescuetest.New(func(o *rescuetest.Options) {
		o.Switches.OutputsAfterSkip = "dropped"
	})
	if _, err := cloud.PushImage("app", "release 1", program, "v1"); err != nil {
		fmt.Println(err)
	}
	// Output: push app: RepositoryNotFoundException: The repository with name 'app' does not exist in the registry with id '123456789012'
}
