package cfnsim

import "fmt"

// functionKind is a Lambda function. One of package type Image fetches its
// image whenever it is created or updated, as the template names it: a rollback
// needs the old tag to exist still (docs/aws/cfn.md 8.5).
func functionKind() *kind {
	k := inertKind("FunctionName", "PackageType")
	k.attributes = []string{"Arn"}
	fetch := func(c *call) error {
		code, _ := c.new["Code"].(object)
		ref := text(code["ImageUri"])
		if ref == "" || c.svc.deps.ImageExists == nil || c.svc.deps.ImageExists(ref) {
			return nil
		}
		return handlerError{"InvalidRequest", fmt.Sprintf("Source image %s does not exist. Provide a valid source image. (Service: Lambda, Status Code: 400, Request ID: %s)", ref, c.world().UUID())}
	}
	create := k.make
	k.make = func(c *call) error {
		if err := fetch(c); err != nil {
			return err
		}
		if err := create(c); err != nil {
			return err
		}
		c.set(object{"Arn": c.world().ARN("lambda", "function:"+c.physical)})
		return nil
	}
	k.change = fetch
	return k
}
