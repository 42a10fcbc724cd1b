package rescue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/neutral"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// ErrUnfinished is returned by [Finish] if it is too early to pay what a rescue
// has left: the stack is not healthy, or nothing but the rescue itself has
// updated it.
var ErrUnfinished = errors.New("too early to finish")

// FinishOptions change [Finish]. The zero value is the default.
type FinishOptions struct {
	// Evidence is the folder of the rescue: its journal has the lifecycle policies
	// that were frozen. Without it those are left as they are, and said so.
	Evidence string
	// Shield is that of Options.Shield: it takes the protection off that a rescue has
	// set. nil leaves it on, and says so.
	Shield func(ctx context.Context, resource cfnx.Deletion, on bool) error
	// DryRun changes nothing: the answer is what would be done.
	DryRun bool
	// Now is the time, for lifecycle rules. Defaults to time.Now.
	Now func() time.Time
	// Observe is called with each event, in order, on the caller's goroutine.
	Observe func(Event)
}

// Finished is what was paid, and what is still open.
type Finished struct {
	Version int    `json:"version"`
	Stack   string `json:"stack"`
	// DryRun is whether nothing was changed.
	DryRun bool `json:"dryRun,omitempty"`
	// Done are the changes, one line each; Open is what only people can do.
	Done []string `json:"done,omitempty"`
	Open []string `json:"open,omitempty"`
}

// String is the result as text.
func (f *Finished) String() string {
	if f == nil {
		return "nothing was finished"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "FINISHED  stack %s\n", f.Stack)
	title := "DONE"
	if f.DryRun {
		title = "WOULD BE DONE"
	}
	section(&b, title, len(f.Done), func(i int) string { return f.Done[i] })
	section(&b, "STILL OPEN", len(f.Open), func(i int) string { return f.Open[i] })
	return strings.Join(neutral.Lines(redact.Text(b.String())), "\n") + "\n"
}

// Finish pays what a rescue has left, once the team's own pipeline has succeeded
// again. A lifecycle policy that was frozen is put back with counts in place of
// the ages that took the images, after that was proven to keep every image in use;
// task definitions that the rescue has registered and that nothing runs are
// deregistered. What is left for people is listed.
//
// It returns [ErrUnfinished] in an *[Error], and changes nothing, if the stack
// is not healthy or its latest update went back or was the rescue's. Other
// errors are those of [Diagnose] and of the calls.
//
// Calls what [ReadActions] lists, ecs:ListTaskDefinitions,
// ecs:DeregisterTaskDefinition, ecr:PutLifecyclePolicy and, for images that only a
// pin can keep, ecr:BatchGetImage and ecr:PutImage; for tags that stood in for others,
// ecr:BatchDeleteImage; for a canary that a run which died has left running,
// ecs:StopTask. Safe to repeat.
func Finish(ctx context.Context, cfg aws.Config, stack string, optFns ...func(*FinishOptions)) (*Finished, error) {
	var f FinishOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&f)
		}
	}
	var o Options
	o.resolve(ctx, []func(*Options){func(o *Options) { o.Settle, o.Now, o.Observe, o.recordedToo = -1, f.Now, f.Observe, true }})
	b, err := capture(ctx, cfg, stack, o)
	if err != nil {
		return nil, err
	}
	d := b.Explain()
	early := func(why, next string) error {
		return &Error{Stack: d.Stack, Where: b.Account + ", " + b.Region, Err: fmt.Errorf("%w: %s", ErrUnfinished, why), Next: next}
	}
	root := b.Tree.Root.Status
	switch {
	case d.Situation == situationHealthy && goesBack(root):
		return nil, early(fmt.Sprintf("the latest update of stack %s went back: it is %s", d.Stack, root), "let the pipeline deploy once, and finish after it has succeeded")
	case d.Situation != situationHealthy:
		return nil, early("it is "+string(d.Situation), "rescue it first")
	case strings.Contains(b.Tree.Root.ChangeSetID, ":changeSet/stackrescue-"):
		return nil, early("its latest update is the rescue's own", "let the pipeline deploy, then finish")
	}
	p := payer{ctx: ctx, c: newClients(only(cfg, append(ReadActions(), "ecs:ListTaskDefinitions", "ecs:DeregisterTaskDefinition", "ecr:PutLifecyclePolicy", "ecr:BatchGetImage", "ecr:PutImage", "ecr:BatchDeleteImage", "ecs:StopTask")...)),
		o: o, f: f, b: b, out: &Finished{Version: 1, Stack: d.Stack, DryRun: f.DryRun}}
	if err := errors.Join(p.thaw(), p.clones(), p.unshield(), p.untag()); err != nil {
		return p.out, err
	}
	p.templates()
	return p.out, nil
}

// payer pays one rescue's debts.
type payer struct {
	ctx context.Context
	c   clients
	o   Options
	f   FinishOptions
	b   *Bundle
	out *Finished
}

func (p *payer) done(format string, a ...any) {
	line := fmt.Sprintf(format, a...)
	p.out.Done = append(p.out.Done, line)
	p.o.tell("finish", line)
}

func (p *payer) open(format string, a ...any) {
	p.out.Open = append(p.out.Open, fmt.Sprintf(format, a...))
}

// thaw puts the policies back that the journal has, without what made them take
// images that are in use. What a policy deletes is gone for good: where not
// everything that uses images could be read, the frozen ones stay.
func (p *payer) thaw() error {
	if p.f.Evidence == "" {
		p.open("whether a lifecycle policy was frozen is not known: give the rescue's folder of evidence")
		return nil
	}
	journal, err := readJournal(p.f.Evidence)
	if err != nil {
		return err
	}
	frozen := frozenPolicies(journal)
	if unread := p.unread(); unread != "" && len(frozen) > 0 {
		p.open("the frozen lifecycle policies stay: what uses images could not all be read: %s", unread)
		return nil
	}
	var errs []error
	for _, repository := range sortedKeys(frozen) {
		if err := p.put(repository, frozen[repository]); err != nil {
			errs = append(errs, fmt.Errorf("repository %s: %w", repository, err))
		}
	}
	return errors.Join(errs...)
}

// entries are those of the rescue's journal; nil without a folder, of which thaw warns,
// and without a journal in it.
func (p *payer) entries() ([]StepResult, error) {
	if p.f.Evidence == "" {
		return nil, nil
	}
	out, err := readJournal(p.f.Evidence)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return out, err
}

// frozenPolicy is a policy before the first freeze of those that followed each
// other, and after the last.
type frozenPolicy struct{ before, after string }

// frozenPolicies are those of a journal, by repository.
func frozenPolicies(journal []StepResult) map[string]frozenPolicy {
	out := map[string]frozenPolicy{}
	for _, r := range journal {
		if r.Kind != kindFreeze || r.Outcome != outcomeBegun {
			continue
		}
		repository := strings.TrimPrefix(r.Subject, "repository ")
		was, known := out[repository]
		if !known || was.after != r.From {
			was.before = r.From // somebody has changed it since the freeze before
		}
		was.after = r.To
		out[repository] = was
	}
	return out
}

// unread is what could not be read of those who use images.
func (p *payer) unread() string {
	for _, s := range p.b.Services {
		for _, arn := range uniq([]string{s.Current, s.Back, s.Serving()}) {
			if _, read := s.Definitions[arn]; arn != "" && !read {
				return "task definition " + short(arn)
			}
		}
		if s.Unread != "" {
			return "service " + s.Service.String()
		}
	}
	if len(p.b.Problems) > 0 {
		return p.b.Problems[0]
	}
	return ""
}

// uses are the images of a repository that the stack uses: of its services and of
// its other task definitions. ok is false where none says which registry's it is, or
// two do.
func (p *payer) uses(repository string) (repo ecrx.Repository, needs []ecrx.Need, ok bool) {
	ok = true
	add := func(by string, d Definition) {
		for _, x := range d.Containers {
			i, err := ecrx.Parse(x.Image)
			if err != nil || !i.Private() || i.Repository != repository {
				continue
			}
			ok = ok && (repo.Name == "" || repo == repositoryOf(i))
			repo = repositoryOf(i)
			needs = append(needs, ecrx.Need{Image: i, By: []string{by}})
		}
	}
	for _, s := range p.b.Services {
		for _, arn := range uniq([]string{s.Current, s.Back, s.Serving()}) {
			add(s.Service.String(), s.Definitions[arn])
		}
	}
	for _, arn := range sortedKeys(p.b.Recorded) {
		add(short(arn), p.b.Recorded[arn])
	}
	return repo, needs, ok && repo.Name != ""
}

// put puts one policy back.
func (p *payer) put(repository string, was frozenPolicy) error {
	repo, needs, ok := p.uses(repository)
	if !ok {
		p.open("repository %s: the stack does not say which registry's it is: its lifecycle policy is left alone; the one before was: %s", repository, was.before)
		return nil
	}
	image := ecrx.Image{Account: repo.Account, Region: repo.Region, Repository: repository}
	changed := func() (bool, error) {
		is, err := lifecyclePolicy(p.ctx, p.c.ecr, image)
		return is != was.after, err
	}
	left := func() error {
		p.open("repository %s: its lifecycle policy is not the frozen one: it is left alone; the one before was: %s", repository, was.before)
		return nil
	}
	if other, err := changed(); err != nil || other {
		return cmp.Or(err, left())
	}
	old, err := ecrx.ParsePolicy(was.before)
	if err != nil {
		return err
	}
	images, err := repo.Images(p.ctx, p.c.ecr)
	if err != nil {
		return err
	}
	proposal, err := old.Propose(images, needs, func(o *ecrx.ProposeOptions) { o.Window, o.Now = freezeTime, p.o.Now })
	if errors.Is(err, ecrx.ErrUnsafe) || err == nil && len(proposal.Absent) > 0 {
		p.open("repository %s: no policy was found that keeps what the stack uses: the frozen one stays; the one before was: %s", repository, was.before)
		return nil
	}
	if err != nil {
		return err
	}
	if !p.f.DryRun {
		for _, digest := range proposal.Pin {
			pin := image
			pin.Digest = digest
			if _, err := pin.Pin(p.ctx, p.c.ecr); err != nil {
				return err
			}
		}
		if other, err := changed(); err != nil || other {
			return cmp.Or(err, left()) // somebody was faster
		}
		if err := p.journal(repository, was.after, proposal.New); err != nil {
			return err
		}
		_, err = p.c.ecr.PutLifecyclePolicy(p.ctx, &ecr.PutLifecyclePolicyInput{RegistryId: &repo.Account, RepositoryName: &repository, LifecyclePolicyText: &proposal.New}, func(o *ecr.Options) { o.Region = repo.Region })
		if err != nil {
			return err
		}
	}
	p.done("repository %s: the lifecycle policy is in force again, proven to keep what the stack uses for 14 days: %s", repository, strings.Join(proposal.Changes, "; "))
	return nil
}

// journal writes what is overwritten before the call that does.
func (p *payer) journal(repository, from, to string) error {
	return appendJournal(p.f.Evidence, StepResult{
		Version: 1, ID: "finish", Kind: kindThaw, Subject: "repository " + repository, Outcome: outcomeBegun, Text: "the policy is put back",
		Began: p.o.Now().UTC(), From: from, To: to,
	})
}

// kindThaw is what the journal calls a policy that is put back; no plan has it.
const kindThaw Kind = "thaw"

// clones deregisters the revisions that the rescue has registered and that no
// service is set to or runs.
func (p *payer) clones() error {
	for _, s := range p.b.Services {
		used := []string{s.Current, s.Back, s.Forward}
		for _, d := range s.Deployments {
			used = append(used, d.TaskDefinition)
		}
		family, _, _ := strings.Cut(short(s.Current), ":")
		for pages := ecs.NewListTaskDefinitionsPaginator(p.c.ecs, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &family, Status: ecstypes.TaskDefinitionStatusActive}); pages.HasMorePages(); {
			page, err := pages.NextPage(p.ctx)
			if err != nil {
				return err
			}
			for _, arn := range page.TaskDefinitionArns {
				if slices.Contains(used, arn) {
					continue
				}
				if err := p.clone(s.Service.Cluster, arn); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *payer) clone(cluster, arn string) error {
	td, err := p.c.ecs.DescribeTaskDefinition(p.ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
	if err != nil {
		return err
	}
	if _, ours := ecsx.ClonedFrom(td.Tags); !ours {
		return nil
	}
	if err := p.canaries(cluster, arn); err != nil {
		return err
	}
	if !p.f.DryRun {
		if _, err := p.c.ecs.DeregisterTaskDefinition(p.ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &arn}); err != nil {
			return err
		}
	}
	p.done("task definition %s, which the rescue registered, is deregistered: nothing runs it", short(arn))
	return nil
}

// templates lists nested stacks that still have their template from the rescue.
func (p *payer) templates() {
	for s := range p.b.Tree.All() {
		if s.Parent() == nil {
			continue
		}
		if bucket, key, err := s.TemplateObject(); err == nil && strings.HasPrefix(key[strings.LastIndexByte(key, '/')+1:], "stackrescue-") {
			p.open("stack %s still has the template that the rescue uploaded, s3://%s/%s: the pipeline has not brought its own", s.Name, bucket, key)
		}
	}
}
