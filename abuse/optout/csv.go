package optout

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// The columns of a register as CSV. All but since and chosen must be there.
var columns = []string{"account", "participation", "since", "effective", "opted_out", "chosen"}

// RowError says which row of a file is wrong, and never what is in it.
type RowError struct {
	Line    int    // counted from 1, the head being the first
	Problem string // such as "participation is not one of the known words"
}

// Error gives the line and the problem.
func (e *RowError) Error() string { return fmt.Sprintf("optout: line %d: %s", e.Line, e.Problem) }

// ReadCSV reads a register as CSV (RFC 4180) with a head, in which only since and chosen can be left out, for
// what is not there would else be read as a user who has opted in again: account, 1 to 256 bytes, each once;
// participation, a word of [Participation], empty for In; since and effective, as in 2026-11-23T12:00:00Z,
// where effective is there if and only if the user is out or has begun to be; opted_out, names of purposes
// between spaces, none of those for security; chosen, when he last chose about a purpose, out of it or back
// in, as in advertising@2026-11-23T12:00:00Z, between spaces. Without since and chosen nobody can say which
// of two choices is the newer: see [Book.Import]. A head that lacks a column or has an unknown one is a
// [*RowError] of line 1; so is, of its line, a bad row, and
// then nothing is given: a row that is left out is a user whose choice is forgotten. What fails in r is given as it is.
func ReadCSV(r io.Reader) ([]Listed, error) {
	b := bufio.NewReader(r)
	mark, err := b.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(mark) == "\ufeff" {
		_, _ = b.Discard(3) // spreadsheets put a byte order mark first
	}
	in := csv.NewReader(b)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, rowError(err, "a head is missing")
	}
	at := make([]int, len(columns)) // where a column is; -1 if it is not
	for i := range at {
		at[i] = -1
	}
	for i, name := range head {
		c := slices.Index(columns, name)
		switch {
		case c < 0:
			return nil, &RowError{1, fmt.Sprintf("column %d is not known", i+1)}
		case at[c] >= 0:
			return nil, &RowError{1, fmt.Sprintf("column %d is there twice", i+1)}
		}
		at[c] = i
	}
	for c, name := range columns {
		if at[c] < 0 && name != "since" && name != "chosen" { // Replace puts what is read in the place of what was there
			return nil, &RowError{1, "the column " + name + " is missing"}
		}
	}
	var all []Listed
	seen := map[string]bool{}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, rowError(err, "is no row of CSV with as many fields as the head")
		}
		field := func(c int) string {
			if at[c] < 0 {
				return ""
			}
			return record[at[c]]
		}
		line, _ := in.FieldPos(0)
		l, problem := parseListed(field)
		if problem == "" && seen[l.Account] {
			problem = "the account is there twice"
		}
		if problem != "" {
			return nil, &RowError{line, problem}
		}
		seen[l.Account] = true
		all = append(all, l)
	}
}

func rowError(err error, problem string) error {
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return &RowError{bad.Line, problem}
	case errors.Is(err, io.EOF):
		return &RowError{1, problem}
	}
	return err
}

func parseListed(field func(int) string) (l Listed, problem string) {
	l = Listed{strings.Clone(field(0)), State{Participation: In}}
	s := &l.State
	if checkAccount(l.Account) != nil {
		return l, "account must have 1 to 256 bytes"
	}
	if word := field(1); word != "" && s.Participation.UnmarshalText([]byte(word)) != nil {
		return l, "participation is not one of the known words"
	}
	for i, to := range []*time.Time{&s.Since, &s.Effective} {
		if field(2+i) == "" {
			continue
		}
		var ok bool
		if *to, ok = parseTime(field(2 + i)); !ok {
			return l, columns[2+i] + " must be a time in whole seconds after 1970"
		}
	}
	if (s.Participation == In) != s.Effective.IsZero() {
		return l, "effective must be there if the user is out, or has begun to be, and only then"
	}
	for name := range strings.FieldsSeq(field(4)) {
		var p linkage.Purpose
		if p.UnmarshalText([]byte(name)) != nil || !p.OptOutApplies() {
			return l, "opted_out must hold purposes that users can opt out of"
		}
		if slices.Contains(s.OptedOut, p) {
			return l, "opted_out holds a purpose twice"
		}
		s.OptedOut = append(s.OptedOut, p)
	}
	slices.Sort(s.OptedOut)
	for item := range strings.FieldsSeq(field(5)) {
		var p linkage.Purpose
		name, text, _ := strings.Cut(item, "@")
		at, ok := parseTime(text)
		if !ok || p.UnmarshalText([]byte(name)) != nil || !p.OptOutApplies() {
			return l, "chosen must hold purposes that users can opt out of, each with @ and a time in whole seconds after 1970"
		}
		if _, twice := s.Chosen[p]; twice {
			return l, "chosen holds a purpose twice"
		}
		if s.Chosen == nil {
			s.Chosen = map[linkage.Purpose]time.Time{}
		}
		s.Chosen[p] = at
	}
	return l, ""
}

func parseTime(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err == nil && validTime(t.UTC())
}

// validTime says whether rows and files can hold a time.
func validTime(t time.Time) bool { return t.Unix() > 0 && t.Nanosecond() == 0 && t.Year() <= 9999 }

// FromCSV gives a register in memory that holds what [ReadCSV] reads; an empty one needs the head too. Errors
// are its and those of [NewBook].
func FromCSV(ctx context.Context, r io.Reader, cfg Config) (*Book, error) {
	b, err := NewMemory(cfg)
	if err != nil {
		return nil, err
	}
	all, err := ReadCSV(r)
	if err != nil {
		return nil, err
	}
	return b, b.Replace(ctx, all)
}

// WriteCSV writes the register as [ReadCSV] reads it. The error is the store's or the writer's.
func (b *Book) WriteCSV(ctx context.Context, w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write(columns) // kept till Flush
	for after := ""; ; {
		all, err := b.List(ctx, after, bookRun)
		if err != nil {
			return err
		}
		for _, l := range all {
			names := make([]string, len(l.State.OptedOut))
			for i, p := range l.State.OptedOut {
				names[i] = p.String()
			}
			var chosen []string
			for _, p := range slices.Sorted(maps.Keys(l.State.Chosen)) {
				chosen = append(chosen, p.String()+"@"+stamp(l.State.Chosen[p]))
			}
			_ = out.Write([]string{l.Account, l.State.Participation.String(), stamp(l.State.Since), stamp(l.State.Effective),
				strings.Join(names, " "), strings.Join(chosen, " ")})
		}
		if out.Flush(); out.Error() != nil {
			return out.Error()
		}
		if len(all) < bookRun {
			return nil
		}
		after = all[len(all)-1].Account
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
