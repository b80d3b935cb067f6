package main

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/hashing"
)

// shownCases is how many cases a page lists.
const shownCases = 200

// words are the functions of the templates.
var words = template.FuncMap{
	"when": func(t time.Time) string {
		if t.IsZero() {
			return "unknown"
		}
		return t.UTC().Format("2006-01-02 15:04 UTC")
	},
	"day": func(t time.Time) string {
		if t.IsZero() {
			return "unknown"
		}
		return t.UTC().Format(time.DateOnly)
	},
	"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"percent": func(f float64) string { return strconv.FormatFloat(100*f, 'f', 0, 64) + " %" },
	"weight":  func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) },
	"short":   func(id uuid.UUID) string { return id.String()[:8] },
	"given":   func(id uuid.UUID) bool { return id != uuid.Nil },
	"digest":  func(d abuse.Digest) string { return d.String()[:16] },
	"account": account,
	"why": func(s string) string {
		return map[string]string{"step": "its step", "rule": "its rule", "sample": "a sample", "appeal": "an appeal", "partner": "a partner"}[s]
	},
	"plain": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	"kinds": func(all []hashing.Kind) string {
		names := make([]string, len(all))
		for i, k := range all {
			names[i] = k.String()
		}
		return strings.Join(names, ", ")
	},
	"join": func(all []string) string { return strings.Join(all, " > ") },
}

// doneWords say what a form came to; the address has the key alone, so that nobody can make a link
// that puts words of his own on the page.
var doneWords = map[string]string{
	"claimed": "The case is in your hands.", "released": "The case is back in the queue.", "named": "Your answers will have your name.",
	"upheld": "Upheld and recorded.", "overturned": "Overturned and recorded.", "changed": "Changed and recorded.",
}

// row is a case in a list.
type row struct {
	cases.Case
	Late bool
	Mine bool
}

func (c *console) rows(all []cases.Case, v visitor) []row {
	now := c.office.clock()
	rows := make([]row, len(all))
	for i, one := range all {
		rows[i] = row{one, one.Late(now), one.Holder != "" && one.Holder == v.Person}
	}
	return rows
}

func (c *console) queue(r *http.Request, p *page) error {
	all, err := c.office.hearings.Queue(r.Context(), shownCases)
	p.Name, p.Title, p.Body = "queue", "Queue", c.rows(all, p.Visitor)
	return c.odd(err)
}

func (c *console) appeals(r *http.Request, p *page) error {
	open, err := c.office.hearings.Appeals(r.Context(), shownCases)
	if err := c.odd(err); err != nil {
		return err
	}
	closed, err := c.office.hearings.Answered(r.Context(), c.office.clock().Add(-since), shownCases)
	p.Name, p.Title = "appeals", "Appeals"
	p.Body = struct{ Open, Closed []row }{c.rows(open, p.Visitor), c.rows(closed, p.Visitor)}
	return c.odd(err)
}

func (c *console) partners(_ *http.Request, p *page) error {
	p.Name, p.Title = "partners", "Partners"
	return nil
}

func (c *console) help(_ *http.Request, p *page) error {
	p.Name, p.Title = "help", "Keys and help"
	return nil
}

// caseBody is what the page of a case shows.
type caseBody struct {
	row
	Decision, Current *shownDecision
	Next, Previous    string // addresses
	Others            []row  // other cases about the account
	Steps             []abuse.Action
}

// shownDecision is a decision with its text for a person.
type shownDecision struct {
	abuse.Decision
	Explained string
}

func showDecision(d abuse.Decision) *shownDecision {
	if d.ID == uuid.Nil {
		return nil
	}
	d = shown(d)
	return &shownDecision{d, d.Text()}
}

func caseID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil || len(r.PathValue("id")) != 36 {
		return uuid.Nil, cases.ErrNoCase
	}
	return id, nil
}

func (c *console) showCase(r *http.Request, p *page) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	one, err := c.office.hearings.Case(r.Context(), id)
	if err != nil {
		return err
	}
	b := caseBody{row: c.rows([]cases.Case{one}, p.Visitor)[0], Decision: showDecision(one.Decision), Current: showDecision(one.Current)}
	for a := abuse.Label; a <= abuse.Disable; a++ {
		b.Steps = append(b.Steps, a)
	}
	queue, err := c.office.hearings.Queue(r.Context(), shownCases)
	if err := c.odd(err); err != nil {
		return err
	}
	for i := range queue {
		if queue[i].ID != id {
			continue
		}
		if i > 0 {
			b.Previous = caseURL(queue[i-1].ID, "")
		}
		if i+1 < len(queue) {
			b.Next = caseURL(queue[i+1].ID, "")
		}
	}
	if one.Kind != cases.Contested {
		others, err := c.office.hearings.Of(r.Context(), one.Decision.Account, shownCases)
		if err := c.odd(err); err != nil {
			return err
		}
		b.Others = c.rows(slices.DeleteFunc(others, func(o cases.Case) bool { return o.ID == id }), p.Visitor)
	}
	p.Name, p.Title, p.Body = "case", "Case "+id.String()[:8], b
	return nil
}

func caseURL(id uuid.UUID, done string) string {
	if done != "" {
		done = "?done=" + url.QueryEscape(done)
	}
	return "/case/" + id.String() + done
}

func (c *console) setPerson(r *http.Request, _ visitor) (string, error) {
	if err := cases.CheckReviewer(r.PostForm.Get("person")); err != nil {
		return "", err
	}
	back := r.PostForm.Get("back")
	if id, err := uuid.Parse(strings.TrimPrefix(back, "/case/")); err == nil {
		return caseURL(id, "named"), nil
	}
	return "/queue?done=named", nil // and nowhere that a form could name
}

func (c *console) claim(r *http.Request, v visitor) (string, error) {
	id, err := caseID(r)
	if err != nil {
		return "", err
	}
	if v.Person == "" {
		return "", errNobody
	}
	_, err = c.office.hearings.Claim(r.Context(), id, v.Person)
	return caseURL(id, "claimed"), err
}

func version(r *http.Request) uint64 {
	v, _ := strconv.ParseUint(r.PostForm.Get("version"), 10, 64) // 0 is no version of a claim
	return v
}

func (c *console) release(r *http.Request, _ visitor) (string, error) {
	id, err := caseID(r)
	if err != nil {
		return "", err
	}
	return "/queue?done=released", c.office.hearings.Release(r.Context(), id, version(r))
}

func (c *console) resolve(r *http.Request, v visitor) (string, error) {
	id, err := caseID(r)
	if err != nil {
		return "", err
	}
	if v.Person == "" {
		return "", errNobody
	}
	answer := cases.Resolution{Version: version(r), Reviewer: v.Person, ForEver: r.PostForm.Get("for_ever") == "yes"}
	if err := answer.Outcome.UnmarshalText([]byte(r.PostForm.Get("outcome"))); err != nil {
		return "", err
	}
	switch answer.Outcome {
	case cases.Overturned:
		err = answer.Ground.UnmarshalText([]byte(r.PostForm.Get("ground")))
	case cases.Changed:
		if err = answer.Step.UnmarshalText([]byte(r.PostForm.Get("step"))); err == nil && !answer.ForEver {
			days, bad := strconv.Atoi(r.PostForm.Get("days"))
			if bad != nil || days < 1 || days > 366 {
				return "", &abuse.Error{Field: "days", Problem: "must be 1 to 366"}
			}
			answer.Until = c.office.clock().Add(time.Duration(days) * 24 * time.Hour)
		}
	}
	if err != nil {
		return "", err
	}
	if _, err := c.office.hearings.Resolve(r.Context(), id, answer); err != nil {
		return "", err
	}
	return caseURL(id, answer.Outcome.String()), nil
}
