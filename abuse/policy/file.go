package policy

import (
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	"golang.org/x/text/language"

	"github.com/hueandcry/hueandcry/abuse"
)

// Bounds of rules files.
const (
	// Schema is the version of the form of rules files that this package reads.
	Schema = 1
	// MaxRules is the most rules of a set.
	MaxRules = 10_000
	// MaxReason is the longest template of a reason, in bytes.
	MaxReason = 1000
)

const day = 24 * time.Hour

// file is what one rules file says.
type file struct {
	name   string
	guards *abuse.Policy
	rules  []*rule
}

// rule is one rule of a file.
type rule struct {
	Info
	when       *node
	categories []abuse.Category
	reasons    []template
	supersedes []string

	file  string
	at    *token.Token // its id
	from  []*token.Token
	leafs []*node
	core  abuse.Rule
	// Rules that are live and supersede this one.
	over []*rule
}

// read reads one file.
func (c *compiler) read(name string, data []byte) (*file, *Error) {
	r := &reader{name: name}
	f := &file{name: name}
	top := r.open(data)
	if r.err != nil {
		return nil, r.err
	}
	// The schema decides whether the rest can be understood.
	var schema ast.Node
	if m, ok := top.(*ast.MappingNode); ok {
		for _, p := range m.Values {
			if key, ok := p.Key.(*ast.StringNode); ok && key.Value == "schema" {
				schema = p.Value
			}
		}
	}
	if schema == nil {
		r.fail(tokenOf(top), "the file must say schema: 1")
		return nil, r.err
	}
	if r.number(schema, "schema", Schema, Schema); r.err != nil {
		r.err.Problem = "schema must be 1: this package reads no other"
		return nil, r.err
	}
	seen := r.object(top, "the file", map[string]func(ast.Node){
		"schema": func(ast.Node) {},
		"name": func(n ast.Node) {
			if s := r.text(n, "name"); r.err == nil && !word(s) {
				r.fail(tokenOf(n), "name must be 1 to 64 of a-z, 0-9, '_'")
			}
		},
		"guards": func(n ast.Node) { f.guards = r.guards(n) },
		"rules": func(n ast.Node) {
			r.list(n, "rules", func(n ast.Node) {
				if len(f.rules) == MaxRules {
					r.fail(tokenOf(n), "there are more than "+strconv.Itoa(MaxRules)+" rules")
					return
				}
				if x := r.rule(c, n); r.err == nil {
					x.file = name
					f.rules = append(f.rules, x)
				}
			})
		},
	})
	for _, needed := range []string{"name", "rules"} {
		if !seen[needed] {
			r.fail(tokenOf(top), "the file must have "+needed)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return f, nil
}

// word says whether s is 1 to 64 of a-z, 0-9 and '_'.
func word(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= abuse.MaxName
}

// guards reads the parameters of the guards. Those that are not said are as of
// [abuse.DefaultPolicy].
func (r *reader) guards(n ast.Node) *abuse.Policy {
	p := abuse.DefaultPolicy("", abuse.Background)
	p.Rules = nil
	r.object(n, "guards", map[string]func(ast.Node){
		"phone_accounts":         func(n ast.Node) { p.PhoneAccounts = int(r.number(n, "phone_accounts", 1, 1e6)) },
		"device_accounts":        func(n ast.Node) { p.DeviceAccounts = int(r.number(n, "device_accounts", 1, 1e6)) },
		"require_verified":       func(n ast.Node) { p.RequireVerified = r.yes(n, "require_verified") },
		"skew":                   func(n ast.Node) { p.Skew = r.duration(n, "skew", 0, day) },
		"corroboration":          func(n ast.Node) { p.Corroboration = int(r.number(n, "corroboration", 0, 100)) },
		"corroboration_severity": func(n ast.Node) { enum(r, n, "corroboration_severity", &p.CorroborationSeverity) },
	})
	return &p
}

// enum reads a word of a closed list, and an error tells all of them.
func enum[E interface {
	~uint8
	String() string
}](r *reader, n ast.Node, what string, to *E) {
	s := r.text(n, what)
	var all []string
	for e := E(1); e.String() != E(0).String(); e++ { // which is "invalid"
		if *to = e; e.String() == s {
			return
		}
		all = append(all, e.String())
	}
	*to = 0
	r.fail(tokenOf(n), what+" must be one of "+strings.Join(all, ", "))
}

// duration reads what time.ParseDuration does, and days as in "90d".
func (r *reader) duration(n ast.Node, what string, least, most time.Duration) time.Duration {
	s := r.text(n, what)
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok && err != nil {
		var v uint64
		v, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(v) * day
	}
	if err != nil || d < least || d > most {
		r.fail(tokenOf(n), what+" must be a duration of "+durationText(least)+" to "+durationText(most)+", such as \"90d\" or \"36h\"")
		return 0
	}
	return d
}

func (r *reader) rule(c *compiler, n ast.Node) *rule {
	x := &rule{at: tokenOf(n)}
	x.Scope = abuse.ScopeAccount
	var capped ast.Node
	seen := r.object(n, "a rule", map[string]func(ast.Node){
		"id": func(n ast.Node) {
			x.ID, x.at = r.text(n, "id"), tokenOf(n)
			if r.err == nil && (!word(x.ID) || x.ID == "none") {
				r.fail(x.at, "id must be 1 to 64 of a-z, 0-9, '_', and not \"none\"")
			}
		},
		"version":   func(n ast.Node) { x.Version = int(r.number(n, "version", 1, 1e9)) },
		"status":    func(n ast.Node) { enum(r, n, "status", &x.Status) },
		"expires":   func(n ast.Node) { x.Expires = r.moment(n, "expires") },
		"daily_cap": func(n ast.Node) { capped, x.DailyCap = n, int(r.number(n, "daily_cap", 1, 1e9)) },
		"when":      func(n ast.Node) { x.when = r.when(c, n) },
		"action": func(n ast.Node) {
			enum(r, n, "action", &x.Action)
			if r.err == nil && x.Action == abuse.None {
				r.fail(tokenOf(n), "action must be harsher than none")
			}
		},
		"for":   func(n ast.Node) { x.For = r.duration(n, "for", time.Second, abuse.MaxDuration) },
		"scope": func(n ast.Node) { enum(r, n, "scope", &x.Scope) },
		"categories": func(n ast.Node) {
			r.list(n, "categories", func(n ast.Node) {
				var k abuse.Category
				enum(r, n, "a category", &k)
				x.categories = append(x.categories, k)
			})
			if r.err == nil && len(x.categories) == 0 {
				r.fail(tokenOf(n), "categories must not be empty: leave them out where all are meant")
			}
		},
		"reasons": func(n ast.Node) {
			r.object(n, "reasons", map[string]func(ast.Node){"*": func(n ast.Node) { r.reason(x, n.(*ast.MappingValueNode)) }})
		},
		"supersedes": func(n ast.Node) {
			r.list(n, "supersedes", func(n ast.Node) {
				x.supersedes, x.from = append(x.supersedes, r.text(n, "supersedes")), append(x.from, tokenOf(n))
			})
		},
	})
	for _, needed := range []string{"id", "version", "status", "when", "action", "for"} {
		if !seen[needed] {
			r.fail(x.at, "the rule must have "+needed)
		}
	}
	if capped != nil && x.Action <= abuse.Label {
		r.fail(tokenOf(capped), "daily_cap must be left out where the action is label: no bound holds a label back")
	}
	x.Categories = x.categories
	return x
}

// moment reads a day, which is its first moment in UTC, or a time of RFC 3339.
func (r *reader) moment(n ast.Node, what string) time.Time {
	s := r.text(n, what)
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil && t.Year() >= 2000 && t.Year() < 2100 {
			return t.UTC()
		}
	}
	r.fail(tokenOf(n), what+" must be a day or a time of 2000 to 2099, such as \"2026-01-31\" or \"2026-01-31T12:00:00Z\"")
	return time.Time{}
}

func (r *reader) when(c *compiler, n ast.Node) *node {
	text, where := r.block(n, "when")
	if r.err != nil {
		return nil
	}
	x, err := c.compile(text)
	if err != nil {
		p, ok := err.(*problem) //nolint:errorlint // it is made here and not wrapped
		if !ok {
			p = &problem{text: "the condition cannot be read"}
		}
		line, column := where.at(p.line, p.column)
		r.failAt(line, column, p.text)
		return nil
	}
	return x
}

func (r *reader) reason(x *rule, n *ast.MappingValueNode) {
	key, ok := n.Key.(*ast.StringNode)
	if !ok {
		r.fail(n.Key.GetToken(), "a language must be text")
		return
	}
	tag, err := language.Parse(key.Value)
	if err != nil || tag == language.Und || strings.Contains(key.Value, "_") {
		r.fail(key.Token, "a language must be a tag of BCP 47, such as en or pt-BR")
		return
	}
	text := r.text(n.Value, "a reason")
	if r.err != nil {
		return
	}
	t, problem := parseTemplate(tag, text)
	if problem == "" {
		for _, other := range x.reasons {
			if other.tag == tag {
				problem = "this language is there twice"
			}
		}
	}
	if problem != "" {
		r.fail(tokenOf(n.Value), problem)
		return
	}
	x.reasons = append(x.reasons, t)
}
