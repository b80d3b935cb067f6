package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hueandcry/hueandcry/abuse"
)

// Bounds of a statement, in characters and not in bytes.
const (
	MaxFacts       = 5000 // of decision_facts
	MaxExplanation = 2000 // of the explanation of the ground
	MaxShort       = 500  // of all other texts, and of the puid
	MaxBatch       = 100  // statements in one call of the database
)

// Statement is a statement of reasons under Article 17 of Regulation (EU) 2022/2065, with the
// fields of the Transparency Database (FIELD 4.3). What is empty is not there. The zero Statement is
// invalid: [Statement.Validate] tells all that is missing. [NewStatement] makes valid ones.
type Statement struct {
	Visibility      []string `json:"decision_visibility,omitempty"`
	VisibilityOther string   `json:"decision_visibility_other,omitempty"`
	VisibilityEnd   Date     `json:"end_date_visibility_restriction,omitzero"`
	Monetary        string   `json:"decision_monetary,omitempty"`
	MonetaryOther   string   `json:"decision_monetary_other,omitempty"`
	MonetaryEnd     Date     `json:"end_date_monetary_restriction,omitzero"`
	Provision       string   `json:"decision_provision,omitempty"`
	ProvisionEnd    Date     `json:"end_date_service_restriction,omitzero"`
	Account         string   `json:"decision_account,omitempty"`
	AccountEnd      Date     `json:"end_date_account_restriction,omitzero"`
	AccountType     string   `json:"account_type,omitempty"`

	Ground                  string `json:"decision_ground"`
	GroundURL               string `json:"decision_ground_reference_url,omitempty"`
	IllegalGround           string `json:"illegal_content_legal_ground,omitempty"`
	IllegalExplanation      string `json:"illegal_content_explanation,omitempty"`
	IncompatibleGround      string `json:"incompatible_content_ground,omitempty"`
	IncompatibleExplanation string `json:"incompatible_content_explanation,omitempty"`
	IncompatibleIllegal     string `json:"incompatible_content_illegal,omitempty"`

	ContentType       []string `json:"content_type"`
	ContentTypeOther  string   `json:"content_type_other,omitempty"`
	Category          string   `json:"category"`
	CategoryAddition  []string `json:"category_addition,omitempty"`
	Keywords          []string `json:"category_specification,omitempty"`
	KeywordOther      string   `json:"category_specification_other,omitempty"`
	TerritorialScope  []string `json:"territorial_scope"`
	ContentLanguage   string   `json:"content_language,omitempty"`
	ContentDate       Date     `json:"content_date,omitzero"`
	ApplicationDate   Date     `json:"application_date,omitzero"`
	Facts             string   `json:"decision_facts"`
	SourceType        string   `json:"source_type"`
	SourceIdentity    string   `json:"source_identity,omitempty"`
	AutomatedDetected string   `json:"automated_detection"`
	AutomatedDecision string   `json:"automated_decision"`
	PUID              string   `json:"puid"` // that the platform knows the statement by
}

// Date is a day in UTC, written as in "2026-11-23". The zero Date is none.
type Date struct{ time.Time }

// DateOf gives the day of a time.
func DateOf(t time.Time) Date {
	if t.IsZero() {
		return Date{}
	}
	return Date{t.UTC().Truncate(24 * time.Hour)}
}

// MarshalText gives the day; a year that has not four digits is an [*abuse.Error].
func (d Date) MarshalText() ([]byte, error) {
	if d.Year() < 0 || d.Year() > 9999 {
		return nil, &abuse.Error{Field: "statement date", Problem: "must be of a year with four digits"}
	}
	return []byte(d.UTC().Format(time.DateOnly)), nil
}

// MarshalJSON gives the same as a string.
func (d Date) MarshalJSON() ([]byte, error) {
	text, err := d.MarshalText()
	return []byte(`"` + string(text) + `"`), err
}

// UnmarshalText reads a day and nothing else; what it is not is an [*abuse.Error].
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil || t.IsZero() {
		return &abuse.Error{Field: "statement date", Problem: "must be a day as in 2006-01-02"}
	}
	*d = Date{t}
	return nil
}

// UnmarshalJSON reads the same from a string; null is no day.
func (d *Date) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if len(text) < 2 || text[0] != '"' {
		return &abuse.Error{Field: "statement date", Problem: "must be a day as in 2006-01-02"}
	}
	return d.UnmarshalText(text[1 : len(text)-1])
}

// The days from which the database takes dates.
var (
	firstContent     = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	firstApplication = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Validate returns every problem at once, joined, each an [*abuse.Error] that names the field as
// the database does and never has its value; nil if there is none.
func (s *Statement) Validate() error {
	c := &checker{}
	c.check(len(s.Visibility) > 0 || s.Monetary != "" || s.Provision != "" || s.Account != "",
		"decision", "must name a restriction of visibility, money, provision or account")
	c.list("decision_visibility", s.Visibility, visibilities)
	c.other("decision_visibility_other", s.VisibilityOther, slices.Contains(s.Visibility, visibilityOther), true)
	c.word("decision_monetary", s.Monetary, monetaries, false)
	c.other("decision_monetary_other", s.MonetaryOther, s.Monetary == monetaryOther, true)
	c.word("decision_provision", s.Provision, provisions, false)
	c.word("decision_account", s.Account, accountSteps, false)
	c.word("account_type", s.AccountType, accountTypes, false)
	c.end("end_date_visibility_restriction", s.VisibilityEnd, s.ApplicationDate, len(s.Visibility) > 0)
	c.end("end_date_monetary_restriction", s.MonetaryEnd, s.ApplicationDate, s.Monetary != "")
	c.end("end_date_service_restriction", s.ProvisionEnd, s.ApplicationDate, s.Provision != "")
	c.end("end_date_account_restriction", s.AccountEnd, s.ApplicationDate, s.Account != "")

	c.word("decision_ground", s.Ground, grounds, true)
	illegal, incompatible := s.Ground == groundIllegal, s.Ground == groundIncompatible
	c.bound("illegal_content_legal_ground", s.IllegalGround, illegal, MaxShort)
	c.bound("illegal_content_explanation", s.IllegalExplanation, illegal, MaxExplanation)
	c.bound("incompatible_content_ground", s.IncompatibleGround, incompatible, MaxShort)
	c.bound("incompatible_content_explanation", s.IncompatibleExplanation, incompatible, MaxExplanation)
	c.word("incompatible_content_illegal", s.IncompatibleIllegal, yesNo, false)
	c.check(s.IncompatibleIllegal == "" || incompatible, "incompatible_content_illegal", "is for incompatible content alone")
	if s.GroundURL != "" {
		u, err := url.Parse(s.GroundURL)
		c.check(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil,
			"decision_ground_reference_url", "must be an address on the web")
		c.text("decision_ground_reference_url", s.GroundURL, MaxShort)
	}

	c.check(len(s.ContentType) > 0, "content_type", "must be there")
	c.list("content_type", s.ContentType, contentTypes)
	c.other("content_type_other", s.ContentTypeOther, slices.Contains(s.ContentType, contentOther), true)
	c.word("category", s.Category, categories, true)
	c.list("category_addition", s.CategoryAddition, categories)
	c.check(!slices.Contains(s.CategoryAddition, s.Category), "category_addition", "must not hold the category itself")
	c.list("category_specification", s.Keywords, keywords)
	c.other("category_specification_other", s.KeywordOther, slices.Contains(s.Keywords, keyOther), false)
	c.check(len(s.TerritorialScope) > 0, "territorial_scope", "must be there")
	c.list("territorial_scope", s.TerritorialScope, countries)
	c.check(s.ContentLanguage == "" || len(s.ContentLanguage) == 2 && strings.Trim(s.ContentLanguage, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "",
		"content_language", "must be two capital letters of ISO 639-1")
	c.day("content_date", s.ContentDate, firstContent)
	c.day("application_date", s.ApplicationDate, firstApplication)

	c.bound("decision_facts", s.Facts, true, MaxFacts)
	c.word("source_type", s.SourceType, sources, true)
	c.check(s.SourceIdentity == "" || s.SourceType != sourceVoluntary, "source_identity", "must not be there where nobody has given notice")
	c.text("source_identity", s.SourceIdentity, MaxShort)
	c.word("automated_detection", s.AutomatedDetected, yesNo, true)
	c.word("automated_decision", s.AutomatedDecision, decisions, true)
	c.check(validPUID(s.PUID), "puid", "must be 1 to 500 of a-z, A-Z, 0-9, '-' and '_'")
	return errors.Join(c.problems...)
}

func validPUID(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxShort
}

// checker gathers problems.
type checker struct{ problems []error }

func (c *checker) check(ok bool, field, problem string) {
	if !ok {
		c.problems = append(c.problems, &abuse.Error{Field: "statement " + field, Problem: problem})
	}
}

func (c *checker) word(field, word string, of []string, needed bool) {
	if word == "" {
		c.check(!needed, field, "must be there")
		return
	}
	c.check(slices.Contains(of, word), field, "must be one of the words of the database")
}

func (c *checker) list(field string, words, of []string) {
	for i, w := range words {
		if !slices.Contains(of, w) || slices.Contains(words[:i], w) {
			c.check(false, field, "must hold words of the database, each once")
			return
		}
	}
}

func (c *checker) text(field, text string, most int) {
	c.check(utf8.ValidString(text) && utf8.RuneCountInString(text) <= most, field, "is too long, or no text")
}

// bound is a text that must be there if it is asked for, and must not be otherwise.
func (c *checker) bound(field, text string, asked bool, most int) {
	c.check(!asked || strings.TrimSpace(text) != "", field, "must be there")
	c.check(asked || text == "", field, "must not be there")
	c.text(field, text, most)
}

func (c *checker) other(field, text string, asked, needed bool) {
	c.check(!asked || !needed || strings.TrimSpace(text) != "", field, "must be there")
	c.check(asked || text == "", field, "must not be there")
	c.text(field, text, MaxShort)
}

func (c *checker) day(field string, d Date, first time.Time) {
	c.check(!d.Before(first) && d.Year() <= 9999, field, "must be there, and not before the database takes it")
}

func (c *checker) end(field string, d, start Date, restricted bool) {
	c.check(d.IsZero() || restricted, field, "must not be there without its restriction")
	c.check(d.IsZero() || !d.Before(start.Time) && d.Year() <= 9999, field, "must not be before the application date")
}

// MaxStatement is the most bytes that [ParseStatement] reads.
const MaxStatement = 64 << 10

// ParseStatement reads a statement as JSON, and nothing else with it: an unknown field, a second
// value or an invalid statement is an [*abuse.Error], or several joined.
func ParseStatement(data []byte) (*Statement, error) {
	if len(data) > MaxStatement {
		return nil, &abuse.Error{Field: "statement", Problem: "must have at most 64 KiB"}
	}
	s := &Statement{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if dec.Decode(s) != nil {
		return nil, &abuse.Error{Field: "statement", Problem: "must be a JSON object with fields of the database alone"}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &abuse.Error{Field: "statement", Problem: "must be alone"}
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// WriteBatch writes 1 to [MaxBatch] statements as the database takes them in one call. An invalid
// one, or two with one puid, is an [*abuse.Error], and nothing is written then.
func WriteBatch(w io.Writer, statements []*Statement) error {
	if len(statements) < 1 || len(statements) > MaxBatch {
		return &abuse.Error{Field: "statement batch", Problem: "must hold 1 to 100"}
	}
	seen := map[string]bool{}
	for _, s := range statements {
		if err := s.Validate(); err != nil {
			return err
		}
		if seen[s.PUID] {
			return &abuse.Error{Field: "statement puid", Problem: "must be there once"}
		}
		seen[s.PUID] = true
	}
	return json.NewEncoder(w).Encode(map[string][]*Statement{"statements": statements})
}
