package cfnsim

import (
	"context"
	"strings"
	"testing"

	"github.com/stackrescue/stackrescue/internal/sim/clock"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// FuzzTemplate reads any text as a template and computes all of it: nothing
// may panic, and nothing may take long.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		rootTemplate, appTemplate, databaseTemplate, networkTemplate, two, topic,
		with(`{"Fn::Cidr":["10.0.0.0/16",6,5]}`), with(`{"Fn::Select":["1",{"Fn::Split":[",","a,b"]}]}`),
		"a: &a [x, x]\nb: &b [*a, *a]\nResources: {T: {Type: X, Properties: {p: [*b, *b]}}}",
		"Transform: AWS::LanguageExtensions\nResources: {Fn::ForEach::A: [i, [a, b], {R${i}: {Type: X}}]}",
		strings.Repeat(`{"Fn::Join":["",[`, 200), `{"Resources":{"A":{"Type":"X","Properties":{"x":{"Fn::If":["C",1,{"Ref":"AWS::NoValue"}]}}}},"Conditions":{"C":{"Fn::Not":[{"Condition":"C"}]}}}`,
		"Resources: {A: {Type: X, Properties: {x: !GetAtt [A, !Ref B]}}}", "<<: {a: b}", "? [a]\n: b", "!Sub x", "a: !!binary x",
	} {
		f.Add(s)
	}
	svc := New(world.New(clock.New(start, 1), "111111111111", "eu-central-1", nil), Deps{})
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > maxBody {
			return
		}
		d, err := svc.definition(context.Background(), body, "", nil, nil)
		if err != nil {
			if message(err) == "" {
				t.Error("an error without a text")
			}
			return
		}
		st := svc.newStack("fuzz", d)
		if diff, err := st.differences(d); err == nil {
			cs := &changeSet{st: st, d: d, changes: diff, children: map[string]*changeSet{}}
			for _, x := range diff {
				cs.change(x, true)
			}
		}
		if _, err := st.sameAs(d); err == nil {
			_ = d.t.processed()
		}
		svc.stacks = nil
	})
}
