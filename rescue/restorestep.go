package rescue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecrx"
)

// kindRestore brings the very images of the recorded revision back: out of the archive,
// from a replica, or under the tag that is missing, by the digest that the revision ran.
const kindRestore Kind = "restore"

// restoreStep brings images of one service back.
type restoreStep struct {
	Images []restoredImage `json:"images"`
}

// restoredImage is one image, with its digest; the tag is "" where the revision names
// none.
type restoredImage struct {
	Image ecrx.Image `json:"image"`
	// Archived is whether it has to be brought out of the archive first, Tag whether its
	// tag is missing.
	Archived bool `json:"archived,omitempty"`
	Tag      bool `json:"tag,omitempty"`
	// Replica is where the image is copied from, which its repository has lost; "" where
	// it has it. Without Tag the copy gets a pin, which keeps it.
	Replica string `json:"replica,omitempty"`
}

// actions are what the images of a step need beyond what every restore does.
func (s *restoreStep) actions() []string {
	if !slices.ContainsFunc(s.Images, func(x restoredImage) bool { return x.Replica != "" }) {
		return nil
	}
	return []string{"ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"}
}

// restoring plans that the images of the recorded revision are brought back, and goes
// on with the situation as it is then. The error is why not all of those that are gone
// can be; nothing is planned then.
func (p *planner) restoring(s *ServiceFacts) error {
	def, ok := s.Definitions[s.Back]
	if !ok {
		return nil
	}
	step := &restoreStep{}
	then := map[string]ImageFacts{}
	for _, c := range def.Containers {
		facts := p.b.Images[c.Image]
		if was := s.Digests[c.Name]; facts.State.Usable() && was != "" && facts.Digest != "" && facts.Digest != was && !slices.Contains(p.c.Accept, c.Image) {
			return refuse("give the tag back to the image that it named, or accept what it names now by name: "+c.Image, "service %s: image %s is %s by now, which is not what %s ran: %s", s.Service, c.Image, facts.Digest, short(s.Back), was)
		}
		if facts.State.Usable() || facts.State == "external" || facts.State == "unknown" || facts.State == "" {
			continue
		}
		x, err := p.restorable(s, c, facts)
		if err != nil {
			return err
		}
		step.Images = append(step.Images, x)
		facts.State, facts.Digest = "ok", x.Image.Digest
		then[c.Image] = facts
	}
	if len(step.Images) == 0 {
		return nil
	}
	p.broughtBack = append(p.broughtBack, restoring{s, step})
	b, d := *p.b, *p.d
	b.Images = maps.Clone(p.b.Images)
	maps.Copy(b.Images, then)
	d.bundle = &b
	p.b, p.d = &b, &d
	return nil
}

// restoring is a service with the step that brings its images back.
type restoring struct {
	s    *ServiceFacts
	step *restoreStep
}

// restorable is how an image comes back as the one that it was.
func (p *planner) restorable(s *ServiceFacts, c Container, facts ImageFacts) (restoredImage, error) {
	next := "restore the same images first"
	i, err := ecrx.Parse(c.Image)
	if err != nil || !i.Private() {
		return restoredImage{}, refuse(next, "service %s: image %s is %s", s.Service, c.Image, facts.State)
	}
	was := i.Digest
	if was == "" {
		was = s.Digests[c.Name]
	}
	state := strings.ReplaceAll(string(facts.State), "-", " ")
	if why := p.d.expired(c.Image); why != "" && facts.State == "missing" {
		state += " (" + why + ")"
	}
	archived := facts.State == "archived" || facts.State == "activating"
	switch {
	case archived && was != "" && facts.Digest != was:
		return restoredImage{}, refuse(next, "service %s: image %s is %s, and is %s by now: the revision ran %s", s.Service, c.Image, state, facts.Digest, was)
	case archived && was == "":
		return restoredImage{}, unknown("allow ecs:ListServiceDeployments and ecs:DescribeServiceRevisions and diagnose again, or restore the image yourself", "service %s: image %s is %s, and whether it is the one that the revision ran is not known%s", s.Service, c.Image, state, because(s.DigestsUnread))
	case archived:
		i.Digest = was
		return restoredImage{Image: i, Archived: true}, nil
	case facts.State == "missing-repository" && was != "":
		return restoredImage{}, refuse("create the repository again and diagnose again, which finds a replica that has the image; or "+next, "service %s: image %s is %s; the revision ran %s", s.Service, c.Image, state, was)
	case facts.State != "missing" || was == "":
		return restoredImage{}, refuse(next, "service %s: image %s is %s, and which digest it had is not known%s", s.Service, c.Image, state, because(s.DigestsUnread))
	}
	there := p.b.Images[pinnedRef(c.Image, was)]
	x := restoredImage{Image: i, Tag: i.Digest == ""}
	x.Image.Digest = was
	switch there.State {
	case "ok", "tag-moved":
		return x, nil
	case "archived", "activating":
		x.Archived = true
		return x, nil
	case "unknown", "":
		return x, unknown("allow ecr:DescribeImages on its repository and diagnose again", "service %s: image %s is %s, and whether %s is there is not known: %s", s.Service, c.Image, state, was, there.Error)
	}
	if len(there.Replicas) > 0 {
		x.Replica = there.Replicas[0]
		return x, nil
	}
	if why := there.ReplicasUnread; why != "" {
		return x, unknown("allow ecr:DescribeRegistry, and ecr:DescribeImages in the regions to which the registry replicates, and diagnose again; or "+next, "service %s: image %s is %s, its digest %s is not in the repository any more, and whether a replica has it is not known: %s", s.Service, c.Image, state, was, why)
	}
	return x, refuse(next+": copy "+was+" from a replica in another region or registry, or from whoever has pulled it, with a tool that keeps the digest, such as: crane copy REPLICA@"+was+" "+tagOf(i), "service %s: image %s is %s, and its digest %s is not in the repository any more", s.Service, c.Image, state, was)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// restore adds the steps.
func (p *planner) restore() {
	for _, x := range p.broughtBack {
		var names, commands, undo []string
		for _, r := range x.step.Images {
			at := fmt.Sprintf("--registry-id %s --region %s --repository-name %s", r.Image.Account, r.Image.Region, r.Image.Repository)
			names = append(names, r.Image.String())
			if r.Archived {
				commands = append(commands, fmt.Sprintf("aws ecr update-image-storage-class %s --image-id imageDigest=%s --target-storage-class STANDARD", at, r.Image.Digest))
				undo = append(undo, fmt.Sprintf("aws ecr update-image-storage-class %s --image-id imageDigest=%s --target-storage-class ARCHIVE", at, r.Image.Digest))
			}
			if r.Replica != "" {
				to := r.Image
				if !r.Tag {
					to.Tag = "pin-" + strings.TrimPrefix(to.Digest, "sha256:")[:12]
				}
				to.Digest = ""
				commands = append(commands, fmt.Sprintf("crane copy %s %s", r.Replica, to))
				undo = append(undo, untagCommand(to))
				continue
			}
			if r.Tag {
				commands = append(commands, fmt.Sprintf("aws ecr put-image %s --image-tag %s --image-manifest \"$(aws ecr batch-get-image %s --image-ids imageDigest=%s --query 'images[0].imageManifest' --output text)\"", at, r.Image.Tag, at, r.Image.Digest))
				undo = append(undo, untagCommand(r.Image))
			}
			if why := p.d.expired(tagOf(r.Image)); why != "" {
				p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("image %s is no younger for being restored: %s", tagOf(r.Image), why))
			}
		}
		p.add(Step{
			Kind: kindRestore, Subject: "service " + x.s.Service.String(), Why: short(x.s.Back) + " ran images that are gone, and the very same are to be had: " + strings.Join(names, ", "),
			Command: strings.Join(commands, " && "), Before: "their digests are in the registry, or in a replica of it", After: "every image of " + short(x.s.Back) + " is there, with the digest that it ran",
			Undo: strings.Join(undo, " && "), Takes: time.Hour, Restore: x.step,
		})
	}
}

// restore brings images back. Each is what it was, or the step fails: a tag that names
// another image by now is not moved.
func (r *runner) restore(ctx context.Context, c clients, s Step, res *StepResult) error {
	changed := 0
	for _, x := range s.Restore.Images {
		if x.Archived {
			back, err := x.Image.Repo().Unarchive(ctx, c.ecr, []string{x.Image.Digest}, func(o *ecrx.UnarchiveOptions) {
				o.Observe = func(e ecrx.Event) { r.o.tell(s.ID, e.String()) }
			})
			if err != nil {
				return err
			}
			changed += len(back)
		}
		if x.Tag || x.Replica != "" {
			out, err := r.bring(ctx, c, s, x)
			if err != nil {
				return err
			}
			if out.Changed {
				changed++
			}
		}
		is, err := x.Image.Resolve(ctx, c.ecr)
		if err != nil {
			return err
		}
		if is.Digest != x.Image.Digest {
			return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: image %s is %s", ErrChanged, x.Image, is.Digest), Next: "diagnose and plan again"}
		}
	}
	res.Outcome, res.Text = outcomeDone, "the images are there, as they were; undo with: "+s.Undo
	if changed == 0 {
		res.Outcome, res.Text = outcomeHeld, "the images are there already"
	}
	return nil
}

// bring gives an image its tag, or a pin where the revision names none, and copies it
// from its replica first.
func (r *runner) bring(ctx context.Context, c clients, s Step, x restoredImage) (*ecrx.Restored, error) {
	var from ecrx.Image
	if x.Replica != "" {
		var err error
		if from, err = ecrx.Parse(x.Replica); err != nil {
			return nil, err
		}
		r.o.tell(s.ID, fmt.Sprintf("image %s: what the repository has not got of it is copied from %s", x.Image, x.Replica))
	}
	how := func(o *ecrx.TagOptions) {
		o.Interval = r.o.Interval
		o.Observe = func(e ecrx.TagEvent) { r.o.tell(s.ID, e.String()) }
		if x.Replica != "" {
			o.From, o.Layers, o.HTTPClient = from, c.ecr, c.http
		}
	}
	if !x.Tag {
		return x.Image.Pin(ctx, c.ecr, how)
	}
	return x.Image.RestoreTag(ctx, c.ecr, how)
}

// outputs adds to the way back what puts lost outputs right: the stack's own template
// with the outputs, and nothing of a service changed.
func (p *planner) outputs() (*savepointStep, error) {
	if len(p.d.Lost) == 0 || p.until(kindUnlock) {
		return nil, nil
	}
	keep := map[string]string{}
	for i := range p.b.Services {
		keep[p.b.Services[i].Service.String()] = p.b.Services[i].Back
	}
	step, err := p.savepointOf(keep, targetOwn)
	if err != nil {
		return nil, err
	}
	for from, to := range step.Images {
		if from != to && slices.Contains(step.Needed, from) {
			return nil, refuse("restore the outputs with restore-outputs", "the savepoint would change image %s", from)
		}
	}
	return step, nil
}
