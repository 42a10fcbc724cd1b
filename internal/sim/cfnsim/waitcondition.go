package cfnsim

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	waitConditionType = "AWS::CloudFormation::WaitCondition"
	waitHandleType    = "AWS::CloudFormation::WaitConditionHandle"
)

// waitConditionKind is a wait condition. Signals are not simulated: where another
// resource of the template refers to its handle, that one is taken to have
// signalled. A handle that nobody else knows is never signalled, and the
// condition fails when its time is over
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-waitcondition.html).
func waitConditionKind() *kind {
	k := inertKind()
	create := k.make
	k.make = func(c *call) error {
		c.state = c.world().Now()
		return create(c)
	}
	k.settled = func(c *call) (bool, error) {
		if !c.unsignalled() {
			return true, nil
		}
		if start, ok := c.state.(time.Time); ok && c.world().Now().Sub(start) >= c.waits() {
			return false, handlerError{"NotStabilized", fmt.Sprintf("WaitCondition timed out. Received 0 conditions when expecting %d", c.number("Count", 1))}
		}
		return false, nil
	}
	return k
}

// waits is a wait condition's time.
func (c *call) waits() time.Duration { return time.Duration(c.number("Timeout", 0)) * time.Second }

func (c *call) number(property string, without int) int {
	if n, err := strconv.Atoi(c.text(property)); err == nil {
		return n
	}
	return without
}

// unsignalled reports whether the wait condition has a handle that nothing else
// refers to.
func (c *call) unsignalled() bool {
	own, ok := c.st.now.t.resource(c.id)
	if !ok || c.text("Timeout") == "" {
		return false
	}
	for _, id := range own.deps {
		if h, ok := c.st.now.t.resource(id); !ok || h.typ != waitHandleType {
			continue
		}
		return !slices.ContainsFunc(c.st.now.t.resources, func(d declaration) bool { return d.id != c.id && slices.Contains(d.deps, id) })
	}
	return false
}
