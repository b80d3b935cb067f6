package policy

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Status says what becomes of a rule. The zero Status is invalid.
type Status uint8

// The statuses.
const (
	Draft      Status = 1 // being written: read and checked, and never tried
	Background Status = 2 // tried and reported, and does not act
	Live       Status = 3 // acts
	Archived   Status = 4 // kept for the record, and never tried
)

var statusNames = []string{"invalid", "draft", "background", "live", "archived"}

// String gives "draft", "background", "live", "archived" or "invalid".
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return statusNames[0]
}

// MarshalText gives the word; an invalid status is an [*abuse.Error].
func (s Status) MarshalText() ([]byte, error) {
	if s == 0 || s > Archived {
		return nil, &abuse.Error{Field: "status", Problem: "is invalid"}
	}
	return []byte(statusNames[s]), nil
}

// UnmarshalText reads what [Status.String] gives; anything else is an [*abuse.Error].
func (s *Status) UnmarshalText(text []byte) error {
	if i := slices.Index(statusNames, string(text)); i > 0 {
		*s = Status(i)
		return nil
	}
	*s = 0
	return &abuse.Error{Field: "status", Problem: "is not one of the known words"}
}

// Info is what a rule says of itself, beside its condition. The zero Info is no
// rule.
type Info struct {
	ID         string           `json:"id"`
	Version    int              `json:"version"` // from 1
	Status     Status           `json:"status"`
	Expires    time.Time        `json:"expires,omitzero"`     // from then on the rule is not tried; zero: never
	DailyCap   int              `json:"daily_cap,omitempty"`  // new steps in a day (UTC); zero: none of its own, as a label's always is. See RuleCap
	Categories []abuse.Category `json:"categories,omitempty"` // empty: all
	When       string           `json:"when"`                 // the condition, as CEL writes it
	Action     abuse.Action     `json:"action"`
	For        time.Duration    `json:"for"` // in nanoseconds, a second to abuse.MaxDuration
	Scope      abuse.Scope      `json:"scope"`
	Supersedes []string         `json:"supersedes,omitempty"` // ids
	// Superseded is true where a live rule supersedes this one.
	Superseded bool `json:"superseded,omitempty"`
}

// Set is rules that have been read, checked and compiled. It is only read, and may
// be used by many goroutines at once. The zero Set is invalid.
type Set struct {
	guards abuse.Policy // without rules
	rules  []*rule      // harshest first
	byID   map[string]*rule
	uses   uint64 // facts that any condition asks for

	live, background []*rule
	timed            bool // some rule expires
	book             abuse.Book
	index            *index
	room             *sync.Pool

	discount     map[string]float64
	strength     func(*abuse.Evidence, *abuse.Weighed, time.Time) (float64, bool)
	strengthName string
	languages    []string
}

//go:embed *.yaml
var shipped embed.FS

// Shipped holds the rules files that come with this package: default.yaml, which
// decides as [abuse.DefaultPolicy] does, and others for [Load].
var Shipped fs.FS = shipped

var defaultSet = sync.OnceValue(func() *Set {
	s, err := Load(Shipped, "default.yaml")
	if err != nil {
		panic("policy: the shipped rules: " + err.Error())
	}
	return s
})

// Default gives the rules of default.yaml: they decide as [abuse.DefaultPolicy]
// does, as long as no partner is weighed, for no name and in the background. [Set.With] gives them the service's name and
// makes them live.
func Default() *Set { return defaultSet() }

// Parse reads one rules file. The name tells YAML (.yaml, .yml or anything else)
// from JSON (.json) and stands in errors. An error is an [*Error].
func Parse(name string, data []byte) (*Set, error) {
	return build([]string{name}, func(string) ([]byte, error) { return data, nil })
}

// Load reads rules files into one set: all of them or, with an [*Error], none.
// Harsher rules come first, and of one step those of the earlier file. At most
// one of the files may say what the guards' parameters are. The set is in the
// background and has no name until [Set.With] says otherwise.
func Load(fsys fs.FS, names ...string) (*Set, error) {
	return build(names, func(name string) ([]byte, error) { return fs.ReadFile(fsys, name) })
}

func build(names []string, read func(string) ([]byte, error)) (*Set, error) {
	env, err := environment()
	if err != nil {
		return nil, &Error{File: "", Problem: "the environment of conditions cannot be made"}
	}
	if len(names) == 0 {
		return nil, &Error{Problem: "no file is named"}
	}
	c := &compiler{env: env, nodes: map[string]*node{}}
	s := &Set{byID: map[string]*rule{}}
	guards := (&reader{}).guards(nil)
	var said *file
	for _, name := range names {
		data, err := read(name)
		if err != nil {
			return nil, &Error{File: name, Problem: "cannot be opened"}
		}
		f, problem := c.read(name, data)
		if problem != nil {
			return nil, problem
		}
		if f.guards != nil && said != nil {
			return nil, &Error{File: name, Line: 1, Column: 1, Problem: "the guards are already in " + said.name}
		}
		if f.guards != nil {
			said, guards = f, f.guards
		}
		for i, r := range f.rules {
			if i > 0 && r.Action > f.rules[i-1].Action {
				return nil, r.problem("the rule must not be harsher than the one before it")
			}
		}
		s.rules = append(s.rules, f.rules...)
	}
	slices.SortStableFunc(s.rules, func(a, b *rule) int { return cmp.Compare(b.Action, a.Action) })
	s.guards = *guards
	if err := s.link(); err != nil {
		return nil, err
	}
	s.finish()
	return s, nil
}

func (r *rule) problem(text string) *Error {
	e := &Error{File: r.file, Line: 1, Column: 1, Problem: text}
	if r.at != nil && r.at.Position != nil {
		e.Line, e.Column = r.at.Position.Line, r.at.Position.Column
	}
	return e
}

// link finds the rules that others name.
func (s *Set) link() error {
	if len(s.rules) > MaxRules {
		return s.rules[MaxRules].problem("there are more than " + strconv.Itoa(MaxRules) + " rules")
	}
	for _, r := range s.rules {
		if s.byID[r.ID] != nil {
			return r.problem("the id is that of another rule")
		}
		s.byID[r.ID] = r
	}
	for _, r := range s.rules {
		r.Supersedes = r.supersedes
		for i, id := range r.supersedes {
			old := s.byID[id]
			if old == nil || old == r {
				at := *r
				at.at = r.from[i]
				return at.problem("supersedes must name another rule of the set")
			}
			if r.Status == Live {
				old.over = append(old.over, r)
				old.Superseded = true
			}
		}
	}
	// A cycle: rules that are left when those that supersede nothing are taken away,
	// again and again.
	const under, done = 1, 2
	state := map[string]int{}
	var visit func(r *rule) error
	visit = func(r *rule) error {
		switch state[r.ID] {
		case under:
			return r.problem("rules supersede each other in a circle")
		case done:
			return nil
		}
		state[r.ID] = under
		for _, id := range r.supersedes {
			if err := visit(s.byID[id]); err != nil {
				return err
			}
		}
		state[r.ID] = done
		return nil
	}
	for _, r := range s.rules {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// finish makes what decisions need.
func (s *Set) finish() {
	for _, r := range s.rules {
		r.When = r.when.source
		r.leafs = r.when.leaves(nil)
		r.core = abuse.Rule{ID: r.ID, Action: r.Action, For: r.For, Scope: r.Scope, Categories: r.categories}
		if r.when.uses>>matchCorroborated&1 != 0 {
			r.core.When = []abuse.Condition{{Leaf: abuse.LeafCorroborated}}
		}
		s.uses |= r.when.uses
		switch r.Status {
		case Live:
			s.live = append(s.live, r)
		case Background:
			s.background = append(s.background, r)
		default:
			continue
		}
		s.timed = s.timed || !r.Expires.IsZero()
		for _, o := range r.over {
			s.timed = s.timed || !o.Expires.IsZero()
		}
	}
	if !s.timed {
		s.live = slices.DeleteFunc(s.live, func(r *rule) bool { return len(r.over) > 0 })
		s.background = slices.DeleteFunc(s.background, func(r *rule) bool { return len(r.over) > 0 })
	}
	s.index = newIndex(s.live)
	s.choose()
}

// choose makes what depends on the options.
func (s *Set) choose() {
	s.room = &sync.Pool{New: func() any { return &scratch{} }}
	s.book = abuse.Book{Policy: s.policy(s.live), Background: cores(s.background), Hash: s.digest()}
}

func cores(rules []*rule) []abuse.Rule {
	list := make([]abuse.Rule, len(rules))
	for i, r := range rules {
		list[i] = r.core
	}
	return list
}

func (s *Set) policy(rules []*rule) *abuse.Policy {
	p := s.guards
	p.Weights, p.Rules = s.discount, cores(rules)
	return &p
}

// Options are what a set does not say itself. The zero Options change nothing.
type Options struct {
	// Self is this service's own name, as of [abuse.Policy]; empty: as before. A set
	// without a name takes no signal for an echo.
	Self string
	// Mode of the decisions; zero: as before, and background at first.
	Mode abuse.Mode
	// Discount is the weight of a partner's word, 0 to 1, by his name: partner.weight
	// of the conditions, in signal.discounted, and in the confidence of what is to corroborate; rules that ask
	// for none of these do not look at it.
	// Partners that are not in it have 1. Nil: as before. [Current.Weigh] takes it from the
	// scorecards of package cases.
	Discount map[string]float64
	// Strength says how sure it is that a signal is about the account, 0 to 1, for
	// match.strength; false, or what is beyond: unknown. It must be pure, and keep
	// nothing of what it is given, whose room serves the next decision. Nil: as
	// before, and unknown at first. StrengthName stands for it in the set's hash, so
	// another function must have another name.
	Strength     func(*abuse.Evidence, *abuse.Weighed, time.Time) (float64, bool)
	StrengthName string
	// Languages are those of [abuse.Decision]'s Reason, as of [Set.Reason]. Nil: as
	// before, and at first those that the rules name first.
	Languages []string
}

// With gives the set with other options; the set itself stays as it is. An error
// is an [*abuse.Error].
func (s *Set) With(o Options) (*Set, error) {
	t := *s
	if o.Self != "" {
		t.guards.Self = o.Self
	}
	if o.Mode != 0 {
		t.guards.Mode = o.Mode
	}
	if o.Discount != nil {
		for _, d := range o.Discount {
			if !(d >= 0 && d <= 1) {
				return nil, &abuse.Error{Field: "discount", Problem: "must be 0 to 1"}
			}
		}
		t.discount = maps.Clone(o.Discount)
	}
	if o.Strength != nil {
		if o.StrengthName == "" {
			return nil, &abuse.Error{Field: "strength name", Problem: "must not be empty"}
		}
		t.strength, t.strengthName = o.Strength, o.StrengthName
	}
	if o.Languages != nil {
		t.languages = slices.Clone(o.Languages)
	}
	check := t.guards
	if check.Self == "" {
		check.Self = "nobody"
	}
	if err := check.Validate(); err != nil {
		return nil, err
	}
	t.choose()
	return &t, nil
}

// Hash digests all that decisions and their explanations depend on beside the
// evidence and the time: the rules with their texts, the guards' parameters and
// the options. Comments and layout of the files are not in it.
func (s *Set) Hash() abuse.Digest { return s.book.Hash }

// Rules gives all rules, drafts and archived ones too, in the order in which they
// would be tried.
func (s *Set) Rules() []Info {
	list := make([]Info, len(s.rules))
	for i, r := range s.rules {
		list[i] = r.info()
	}
	return list
}

func (r *rule) info() Info {
	i := r.Info
	i.Categories, i.Supersedes = slices.Clone(i.Categories), slices.Clone(i.Supersedes)
	return i
}

// Rule gives the rule of this id, such as that of a decision; false: there is none.
func (s *Set) Rule(id string) (Info, bool) {
	r := s.byID[id]
	if r == nil {
		return Info{}, false
	}
	return r.info(), true
}

// RuleCap gives the daily cap of the rule of this id, and 0 where it has none or there is no such rule. Nothing here
// counts steps: the cap holds where this is given to who does, as RuleCap in the Config of package cases, which it fits.
// See [Current] for a set that changes.
func (s *Set) RuleCap(rule string) int64 {
	r := s.byID[rule]
	if r == nil {
		return 0
	}
	return int64(r.DailyCap)
}

// Guards gives the policy's parameters without rules.
func (s *Set) Guards() abuse.Policy { return s.guards }

func (s *Set) digest() (d abuse.Digest) {
	b := []byte("hueandcry/abuse/policy/rules/1")
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }
	guards := s.guards.Hash()
	b = append(b, guards[:]...)
	text(s.strengthName)
	number(int64(len(s.discount)))
	for _, name := range slices.Sorted(maps.Keys(s.discount)) {
		text(name)
		number(int64(math.Float64bits(s.discount[name])))
	}
	number(int64(len(s.languages)))
	for _, l := range s.languages {
		text(l)
	}
	number(int64(len(s.rules)))
	for _, r := range s.rules {
		text(r.ID)
		for _, n := range []int{r.Version, int(r.Status), r.DailyCap, int(r.Action), int(r.Scope), int(r.For), len(r.categories)} {
			number(int64(n))
		}
		number(r.Expires.Unix())
		for _, c := range r.categories {
			number(int64(c))
		}
		text(r.when.source)
		number(int64(len(r.reasons)))
		for i := range r.reasons {
			text(r.reasons[i].tag.String())
			text(r.reasons[i].text)
		}
		number(int64(len(r.supersedes)))
		for _, id := range r.supersedes {
			text(id)
		}
	}
	return sha256.Sum256(b)
}
