// Package ecrx answers whether the images that a rollback needs are there, and
// will be, and puts them back: image references, their state in ECR, the
// lifecycle policies that decide how long that lasts, tags and pins.
//
//	states, err := ecrx.Check(ctx, client, refs)                    // are they there, and until when
//	report, err := ecrx.Audit(ctx, client, needs)                   // of everything that is in use
//	image, err := ecrx.Parse(ref)
//	frozen, err := image.Repo().Freeze(ctx, client, needed, 14*24*time.Hour) // before anything else
//	resolve := ecrx.Resolver(client)                                // for ecsx and cfnx
//	restored, err := image.RestoreTag(ctx, client)                  // or Pin
//	text, err := frozen.Thaw(ctx, client)                           // the morning after
//
// What is done to one thing is a method of it: of an [Image], of a [Repository], of
// a [Policy] or, afterwards, of what was [Frozen].
//
// # Access
//
// Every function takes the SDK clients it needs as narrow interfaces named
// <Verb>API: the method set is the list of calls. Looking ([Check], [Audit],
// [Image.Resolve], [Image.Explain]) never counts as a pull and never makes a pull-through
// cache import an image; only what needs a manifest (CheckOptions.Manifests,
// [Image.RestoreTag], [Image.Pin], [Repository.Unarchive] of an index) fetches it.
// Who needs an image, and who deleted it, other services know: they come as
// functions.
//
// # Policies
//
// [ParsePolicy] and [Policy.Evaluate] are pure and do what ECR does, for any moment
// and any images. Where AWS's documentation leaves a point open, a [Verdict] has
// every action that is possible, and the verbs that protect something go by the
// worst.
//
// # Changes
//
// No tag is moved and no last tag removed unless that is asked for by name. A
// change is looked at again before every try, so that a lost answer or somebody
// else's change is not run over; all verbs may be repeated.
//
// # Unknown
//
// What could not be read, for want of permission or because of throttling, is
// reported as unknown and never as missing.
package ecrx
