package rescuetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// TestRandomWalk calls every operation in random order with inputs that mostly
// make sense, lets time pass in between, and looks after each step whether the
// cloud contradicts itself. At the end everything must come to rest.
//
// RESCUETEST_SEED=N runs the one walk.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	seeds, first := uint64(sample.Count(t, 25, 1000)), uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("RESCUETEST_SEED"), 10, 64); err == nil {
		seeds, first = 1, n
	}
	begin, steps, accepted, failed := time.Now(), 0, map[string]int{}, 0
	for seed := first; seed < first+seeds && failed < 10; seed++ {
		var w *walk
		var err error
		synctest.Test(t, func(*testing.T) {
			w = newWalk(seed, seeds == 1 && testing.Verbose())
			err = w.run(100)
		})
		if err != nil {
			failed++
			t.Errorf("seed %d, step %d: %s: %v", seed, w.steps, w.last, err)
		}
		steps += w.steps
		for name, n := range w.accepted {
			accepted[name] += n
		}
	}
	never := []string{}
	c := New()
	var all []op.Operation
	c.clock.Do(func() { all = c.in(c.region).table.All() })
	for _, o := range all {
		if accepted[o.String()] == 0 {
			never = append(never, o.String())
		}
	}
	t.Logf("%d seeds, %d steps in %s; %d operations accepted at least once, never: %s", seeds, steps, time.Since(begin).Round(time.Millisecond), len(accepted), strings.Join(never, " "))
}

// A walk is one random run.
type walk struct {
	*rand.Rand
	c        *Cloud
	r        *regional
	table    *op.Table
	ops      []op.Operation
	verbose  bool
	steps    int
	last     string
	accepted map[string]int
	seen     map[string][]string // texts of answers, by member name
}

func newWalk(seed uint64, verbose bool) *walk {
	w := &walk{Rand: rand.New(rand.NewPCG(seed, 1)), verbose: verbose, accepted: map[string]int{}, seen: map[string][]string{}}
	w.c = New(func(o *Options) { w.switches(&o.Switches) })
	w.c.clock.Do(func() { w.r = w.c.in(w.c.region) })
	w.table, w.ops = &w.r.table, w.r.table.All()
	return w
}

// switches sets each field to some value.
func (w *walk) switches(s *simtype.Switches) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Type() == reflect.TypeFor[time.Duration]():
			f.SetInt(int64(w.IntN(90)) * int64(time.Second))
		case f.Kind() == reflect.Int:
			f.SetInt(int64(w.IntN(2)))
		case f.Kind() == reflect.String:
			values := new(simtype.Switches).Values()[v.Type().Field(i).Name]
			f.SetString(w.one(values...))
		}
	}
}

func (w *walk) run(steps int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	w.found()
	for w.steps = 1; w.steps <= steps; w.steps++ {
		w.last = ""
		w.step()
		if err := w.check(); err != nil {
			return err
		}
	}
	w.last = "in the end"
	var left []string
	for range 40 { // stacks fail, roll back and clean up one after the other
		w.c.Advance(9 * time.Hour)
		if err := w.check(); err != nil {
			return err
		}
		w.c.clock.Do(func() { left = w.r.cfn.Unsettled() })
		if len(left) == 0 {
			return nil
		}
	}
	return fmt.Errorf("never come to rest: %s", strings.Join(left, ", "))
}

func (w *walk) check() (err error) {
	w.c.clock.Do(func() {
		if err = w.r.cfn.Check(); err == nil {
			err = w.r.ecs.Check()
		}
	})
	if err == nil && w.c.clock.Overdue() {
		err = fmt.Errorf("an event is due in the past")
	}
	if err == nil {
		err = w.resolve()
	}
	return err
}

// resolve looks up what the latest answer named.
func (w *walk) resolve() error {
	for member, describe := range map[string]string{"taskdefinitionarn": "DescribeTaskDefinition", "stackid": "DescribeStacks"} {
		names := w.seen[member]
		if len(names) == 0 {
			continue
		}
		name := names[len(names)-1]
		if _, err := w.call(describe, map[string]any{"TaskDefinition": name, "StackName": name}); err != nil {
			return fmt.Errorf("%s %s: %w", describe, name, err)
		}
	}
	return nil
}

// call calls an operation of CloudFormation or ECS with text members.
func (w *walk) call(name string, members map[string]any) (any, error) {
	for _, o := range w.ops {
		if o.Name != name || o.Service == "s3" {
			continue
		}
		in := reflect.New(o.In)
		for k, v := range members {
			if f := in.Elem().FieldByName(k); f.IsValid() {
				setAny(f, v)
			}
		}
		return w.invoke(o, in)
	}
	panic("no operation " + name)
}

func setAny(f reflect.Value, v any) {
	x := reflect.ValueOf(v)
	switch {
	case f.Kind() == reflect.Pointer && x.Kind() != reflect.Pointer:
		p := reflect.New(f.Type().Elem())
		p.Elem().Set(x.Convert(f.Type().Elem()))
		f.Set(p)
	case x.Type().ConvertibleTo(f.Type()):
		f.Set(x.Convert(f.Type()))
	}
}

func (w *walk) invoke(o op.Operation, in reflect.Value) (out any, err error) {
	w.c.clock.Do(func() {
		if out, err = o.Call(context.Background(), op.Copy(in.Interface())); err == nil {
			out = op.Copy(out)
		}
	})
	if err == nil {
		w.accepted[o.String()]++
		w.harvest(reflect.ValueOf(out), "", 0)
	}
	if w.verbose {
		fmt.Println(w.c.Now().Format("02 15:04:05"), o, compact(in.Elem()), err)
	}
	return out, err
}

// compact prints what is set of an input.
func compact(v reflect.Value) string {
	var b strings.Builder
	for f, x := range v.Fields() {
		if f.IsExported() && !x.IsZero() {
			if x.Kind() == reflect.Pointer {
				x = x.Elem()
			}
			s := fmt.Sprintf("%v", x)
			fmt.Fprintf(&b, "%s=%s ", f.Name, strings.Join(strings.Fields(s[:min(len(s), 900)]), " "))
		}
	}
	return b.String()
}

// harvest remembers the texts of an answer, so that later calls can name them.
func (w *walk) harvest(v reflect.Value, member string, depth int) {
	if depth > 8 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			w.harvest(v.Elem(), member, depth)
		}
	case reflect.Struct:
		for f, x := range v.Fields() {
			if f.IsExported() {
				w.harvest(x, f.Name, depth+1)
			}
		}
	case reflect.Slice:
		for i := range min(v.Len(), 20) {
			w.harvest(v.Index(i), strings.TrimSuffix(member, "s"), depth+1)
		}
	case reflect.String:
		key := strings.ToLower(member)
		if s := v.String(); s != "" && len(s) < 300 && !slices.Contains(w.seen[key], s) {
			if w.seen[key] = append(w.seen[key], s); len(w.seen[key]) > 12 {
				w.seen[key] = w.seen[key][1:]
			}
		}
	}
}

func (w *walk) chance(percent int) bool { return w.IntN(100) < percent }

func (w *walk) one(of ...string) string { return of[w.IntN(len(of))] }

// step is one call, and perhaps some time.
func (w *walk) step() {
	switch n := w.IntN(100); {
	case n < 45:
		w.sensible()
	case n < 85:
		o := w.ops[w.IntN(len(w.ops))]
		w.last = o.String()
		in := reflect.New(o.In)
		w.fill(in.Elem(), o.Name, 0)
		for _, name := range required(o) { // what the doors would not let through
			if f := in.Elem().FieldByName(name); f.IsValid() && f.IsZero() {
				w.fill(f, name, 1)
			}
		}
		_, _ = w.invoke(o, in)
	case n < 90:
		w.last = "PushImage"
		_, _ = w.c.PushImage(w.one("app", "web"), w.one("a", "b", "c"), w.program(), w.one("v1", "v2", "latest"))
	case n < 94:
		stack, id, phase := w.one("a", "b", "c", "Child"), w.one(w.ids()...), w.one("create", "update", "rollback", "delete", "hook", "validation")
		w.last = "FailResource " + stack + " " + id + " " + phase
		w.c.FailResource(stack, id, simtype.Phase(phase), "scripted")
	default:
		w.lock()
	}
	pause := []time.Duration{0, 0, time.Second, 3 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute, 2 * time.Hour}
	d := pause[w.IntN(len(pause))]
	w.last += " +" + d.String()
	w.c.Advance(d)
}

func (w *walk) program() simtype.Program {
	programs := []simtype.Program{Runs("up"), RunsAfter(time.Minute), Exits(1, 2*time.Second), Exits(0, time.Hour), NeverHealthy(), nil,
		func(c *simtype.Container) { c.SetHealthy(true); c.OnStop(func() {}) },
		func(c *simtype.Container) {
			c.SetHealthy(true)
			c.After(10*time.Minute, func() { c.SetHealthy(false) })
			c.After(20*time.Minute, func() { c.SetHealthy(true) })
		},
	}
	return programs[w.IntN(len(programs))]
}

// found makes an account in which something can happen.
func (w *walk) found() {
	for _, name := range []string{"app", "web"} {
		_, _ = w.call("CreateRepository", map[string]any{"RepositoryName": name})
		_, _ = w.c.PushImage(name, "a", w.program(), "v1", "latest")
	}
	_, _ = w.call("CreateCluster", map[string]any{"ClusterName": "prod"})
	w.putTemplates()
	_, _ = w.call("CreateSecret", map[string]any{"Name": "db", "SecretString": "s", "ClientRequestToken": "t0"})
	_, _ = w.call("PutParameter", map[string]any{"Name": "/p/q", "Value": "1", "Type": "String"})
	_, _ = w.call("CreateLogGroup", map[string]any{"LogGroupName": "/app"})
	_, _ = w.call("CreateLogStream", map[string]any{"LogGroupName": "/app", "LogStreamName": "s"})
	for name, ids := range map[string][]string{"a": {"Topic", "Param", "Secret", "Group", "Database", "Child", "Second"}, "b": {"Topic", "Cluster", "Task", "Service", "Child"}} {
		body := w.assemble(ids)
		_, _ = w.call("CreateStack", map[string]any{"StackName": name, "TemplateBody": body})
	}
	w.c.Advance(time.Hour)
}

// texts are the values that text members take, by member; what answers had
// under a name is added.
var texts = map[string][]string{
	"stackname": {"a", "b", "c"}, "changesetname": {"x", "y"}, "cluster": {"prod", "default"}, "clustername": {"prod", "default"}, "service": {"web", "api"}, "servicename": {"web", "api"},
	"resourcetype": {"Parameter"}, "resourceid": {"/p/q"}, "copysource": {"templates/child.yaml"}, "repositoryname": {"app", "web"}, "imagetag": {"v1", "v2", "latest"}, "family": {"web", "api"}, "familyprefix": {"web"}, "taskdefinition": {"web", "api", "web:1", "api:2"}, "image": {"public.ecr.aws/x/y:1"},
	"loggroupname": {"/app"}, "logstreamname": {"s"}, "secretid": {"db"}, "name": {"db", "/p/q", "app"}, "bucket": {"templates"}, "key": {"child.yaml", "other.yaml"}, "value": {"1", "2"},
	"logicalresourceid": {"Task", "Service", "Child", "Topic"}, "parameterkey": {"V", "W", "Image"}, "parametervalue": {"one", "two", "3"}, "clienttoken": {"t1", "t2"}, "clientrequesttoken": {"t1", "t2", "00000000-0000-4000-8000-000000000001"},
	"secretstring": {"s1", "s2"}, "targetgrouparn": {"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"}, "containername": {"web"}, "path": {"/p"}, "exportname": {"exported"},
	"stackpolicybody": {`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}`}, "lifecyclepolicytext": {expiry},
	"reason": {"because"}, "desiredstatus": {"RUNNING", "STOPPED"}, "imagemanifest": {`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`},
}

// sources are the members of answers that a member of an input may name.
var sources = map[string][]string{
	"stackname": {"stackid"}, "changesetname": {"changesetid", "id"}, "service": {"servicearn"}, "cluster": {"clusterarn"}, "taskdefinition": {"taskdefinitionarn"}, "task": {"taskarn"},
	"servicedeploymentarn": {"servicedeploymentarn", "currentservicedeployment"}, "servicerevisionarn": {"arn"}, "secretid": {"arn", "name"}, "resourcearn": {"arn", "loggrouparn", "servicearn", "taskarn", "taskdefinitionarn", "clusterarn", "repositoryarn"},
	"operationid": {"operationid"}, "logstreamname": {"logstreamname"}, "imagedigest": {"imagedigest"}, "stackdriftdetectionid": {"stackdriftdetectionid"}, "nexttoken": {"nexttoken"}, "versionid": {"versionid"}, "resourcestoskip": {"logicalresourceid"},
	"physicalresourceid": {"physicalresourceid"}, "hookid": {"hookid"}, "listenerarn": {"listenerarn"}, "loadbalancerarn": {"loadbalancerarn"}, "targetgrouparn": {"targetgrouparn"}, "loggroupname": {"loggroupname"},
}

func (w *walk) text(member string) string {
	key := strings.ToLower(member)
	pool := slices.Clone(texts[key])
	if pool == nil {
		pool = texts[strings.TrimSuffix(key, "s")]
	}
	from := sources[key]
	if from == nil {
		from = append([]string{key}, sources[strings.TrimSuffix(key, "s")]...)
	}
	for _, k := range from {
		pool = append(pool, w.seen[k]...)
	}
	if len(pool) == 0 || w.chance(3) {
		return w.one("x", "a", "", "no-such", "arn:aws:ecs:us-east-1:123456789012:service/prod/web")
	}
	return w.one(pool...)
}

// fill sets members at random: all that name something, few of the others.
func (w *walk) fill(v reflect.Value, member string, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		w.fill(p.Elem(), member, depth)
		v.Set(p)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(w.c.Now().Add(-time.Hour)))
			return
		}
		for f, x := range v.Fields() {
			if !f.IsExported() || f.Name == "ResultMetadata" || depth > 4 {
				continue
			}
			often := 12
			if key := strings.ToLower(f.Name); texts[key] != nil || sources[key] != nil || strings.HasSuffix(f.Name, "s") && depth == 0 {
				often = 75
			}
			if f.Name == "TemplateURL" || f.Name == "RoleARN" || f.Name == "NextToken" {
				often = 2
			}
			if f.Name == "TemplateBody" {
				x.Set(reflect.ValueOf(new(w.template())))
				continue
			}
			if w.chance(often) {
				w.fill(x, f.Name, depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("bytes"))
			return
		}
		n := 1 + w.IntN(2)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			w.fill(v.Index(i), strings.TrimSuffix(member, "s"), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.String:
		if values := v.MethodByName("Values"); values.IsValid() {
			all := values.Call(nil)[0]
			v.Set(all.Index(w.IntN(all.Len())))
			return
		}
		v.SetString(w.text(member))
	case reflect.Bool:
		v.SetBool(w.chance(50))
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(int64([]int{0, 1, 2, 3, 10, 50, 100, 200, -1}[w.IntN(9)]))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(w.IntN(100)))
	}
}

// required are the members without which no request reaches a handler.
func required(o op.Operation) []string {
	if o.Service == "s3" {
		return []string{"Bucket", "Key", "CopySource"} // by the route
	}
	return wire.Required(o.String())
}

func (w *walk) keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
