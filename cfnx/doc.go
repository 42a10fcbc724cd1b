// Package cfnx gets CloudFormation stacks out of UPDATE_ROLLBACK_FAILED and
// keeps them from getting back in: a snapshot of the whole stack tree, the two
// causes distinguished, a rollback continued with the fewest skips, images patched
// in templates without touching another byte, lost Outputs put back.
//
//	tree, err := cfnx.Snapshot(ctx, client, "prod")
//	fmt.Println(tree.Causes())             // why the update failed, why the way back did
//	fmt.Println(tree.Deploys(nil, nil))    // what a continue sends to services
//	fmt.Println(tree.Deletes())            // what its clean-up deletes
//	continued, err := cfnx.ContinueRollbackSkipping(ctx, client, "prod", cfnx.SkipMinimal)
//	applied, err := cfnx.PatchTemplateImages(ctx, client, bucket, "prod", resolver)
//
// What is done to a tree that was read is a method of it: [Tree.PlanSkips],
// [Tree.Record], [Tree.NewDraft]. A [Draft] is changed in memory, checked, and carried
// out by [Draft.Apply]; PatchTemplateImages and RestoreOutputs do all of that at once.
//
// The text of templates is read and edited by package
// [github.com/stackrescue/stackrescue/cfnx/template].
//
// # Access
//
// Every function takes the SDK clients it needs as narrow interfaces named
// <Verb>API: the method set is the list of calls. Nothing is read from the
// environment, printed or logged. Nothing in this package deletes a stack.
//
// # Stacks
//
// A stack is named by its name or ARN. The verbs that change something work on
// the root of the tree, found from any nested stack, because CloudFormation
// wants it so.
//
// # Waiting
//
// A function that waits does so on the caller's goroutine, polls at Interval and
// reports to Observe, in order. A terminal status is believed only when the
// stack's own events show that it belongs to the operation that is waited for.
package cfnx
