package ecsx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// DependsOnMigration returns a change for ForceDeployOptions.Edit that adds
// migration to a task definition, a container that ends by itself, and makes the
// others wait until it has ended with 0: none of them starts on a schema that was
// not migrated. Its Essential is set to false, because a task stops with an
// essential container. A container of that name is replaced. Containers that
// migration itself waits for, such as a proxy or a log router, do not wait for it;
// nor do those that they wait for.
//
// Each task runs it, also several at once: the command needs a lock of its own,
// such as package migrate has. How long the others wait is migration's
// StartTimeout, ECS's default where it is nil.
//
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
func DependsOnMigration(migration types.ContainerDefinition) func(*ecs.RegisterTaskDefinitionInput) error {
	return func(in *ecs.RegisterTaskDefinitionInput) error {
		name := aws.ToString(migration.Name)
		if name == "" {
			return errors.New("migration container has no name")
		}
		migration.Essential = aws.Bool(false)
		rest := slices.DeleteFunc(slices.Clone(in.ContainerDefinitions), func(c types.ContainerDefinition) bool { return aws.ToString(c.Name) == name })
		byName := map[string]*types.ContainerDefinition{name: &migration}
		for i := range rest {
			byName[aws.ToString(rest[i].Name)] = &rest[i]
		}
		before := map[string]bool{}
		if err := waitedFor(byName, &migration, before); err != nil {
			return err
		}
		waiting := 0
		for i := range rest {
			c := &rest[i]
			c.DependsOn = slices.DeleteFunc(slices.Clone(c.DependsOn), func(d types.ContainerDependency) bool { return aws.ToString(d.ContainerName) == name })
			if before[aws.ToString(c.Name)] {
				continue
			}
			waiting++
			c.DependsOn = append(c.DependsOn, types.ContainerDependency{ContainerName: &name, Condition: types.ContainerConditionSuccess})
		}
		if waiting == 0 {
			return fmt.Errorf("no container would wait for migration container %s", name)
		}
		rest = append(rest, migration)
		in.ContainerDefinitions = rest
		return nil
	}
}

// waitedFor notes the containers that c waits for, directly or not.
func waitedFor(byName map[string]*types.ContainerDefinition, c *types.ContainerDefinition, before map[string]bool) error {
	for _, d := range c.DependsOn {
		name := aws.ToString(d.ContainerName)
		next := byName[name]
		if next == nil {
			return fmt.Errorf("container %s waits for container %s, which the task definition does not have", aws.ToString(c.Name), name)
		}
		if !before[name] {
			before[name] = true
			if err := waitedFor(byName, next, before); err != nil {
				return err
			}
		}
	}
	return nil
}
