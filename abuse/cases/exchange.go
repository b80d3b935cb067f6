package cases

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// What two services tell each other of appeals and of undone steps, in one form each: a JSON object with
// a version, v, and each member once; days are of UTC, as 2026-12-07. What leaves is checked as what
// comes in is, and says nothing of an account.
//
//	{"v":1,"to":"messenger.example","reference":"64 hexadecimal digits","signal":"UUID","due":"2026-12-07"}
//	{"v":1,"week":"2026-11-23","undone":20,"softened":0,"overturned":10}

const (
	exchangeVersion = 1
	maxExchange     = 512 // bytes of a form
)

type referenceForm struct {
	Version   int    `json:"v"`
	To        string `json:"to"`
	Reference string `json:"reference"`
	Signal    string `json:"signal"`
	Due       string `json:"due"`
}

func (a *AppealReference) form() referenceForm {
	return referenceForm{exchangeVersion, a.To, a.Reference.String(), a.Signal.String(), a.Due.UTC().Format(time.DateOnly)}
}

func (a *AppealReference) valid() bool {
	return a.To != "" && len(a.To) <= abuse.MaxName && a.Reference != Reference{} && a.Signal != uuid.Nil && day(a.Due)
}

// MarshalJSON gives the form in which a reference goes to the partner, version 1. Of Due it has the day.
// One without a name, a reference, a signal or a day from 1970 to 9999 is an [*abuse.Error].
func (a AppealReference) MarshalJSON() ([]byte, error) {
	a.Due = a.Due.UTC().Truncate(24 * time.Hour)
	if !a.valid() {
		return nil, &abuse.Error{Field: "appeal reference", Problem: "must have a name, a reference, a signal and a day"}
	}
	return json.Marshal(a.form())
}

// UnmarshalJSON reads what MarshalJSON gives, of at most 512 bytes, and nothing else: a member that is
// unknown, missing, there twice or written another way, and another version, is an [*abuse.Error].
func (a *AppealReference) UnmarshalJSON(data []byte) error {
	bad := &abuse.Error{Field: "appeal reference", Problem: "must be one as of version 1"}
	var f referenceForm
	if !readForm(data, &f, "v", "to", "reference", "signal", "due") {
		return bad
	}
	got := AppealReference{To: f.To}
	var err error
	if got.Reference.UnmarshalText([]byte(f.Reference)) != nil {
		return bad
	}
	if got.Signal, err = uuid.Parse(f.Signal); err != nil {
		return bad
	}
	if got.Due, err = time.Parse(time.DateOnly, f.Due); err != nil || !got.valid() || got.form() != f {
		return bad
	}
	*a = got
	return nil
}

type receiptForm struct {
	Version    int    `json:"v"`
	Week       string `json:"week"`
	Undone     int64  `json:"undone"`
	Softened   int64  `json:"softened"`
	Overturned int64  `json:"overturned"`
}

func (r *Receipt) form() receiptForm {
	return receiptForm{exchangeVersion, r.Week.UTC().Format(time.DateOnly), r.Undone, r.Softened, r.Overturned}
}

func (r *Receipt) valid() bool {
	for _, n := range []int64{r.Undone, r.Softened, r.Overturned} {
		if n < 0 || n != rounded(n) {
			return false
		}
	}
	return day(r.Week) && r.Week.UTC().Weekday() == time.Monday
}

// MarshalJSON gives the form in which a receipt goes to the origin, version 1. One whose week is none,
// or whose counts are not rounded, is an [*abuse.Error]: it would say more than a receipt may.
func (r Receipt) MarshalJSON() ([]byte, error) {
	if !r.valid() {
		return nil, &abuse.Error{Field: "receipt", Problem: "must be of a week, with rounded counts"}
	}
	return json.Marshal(r.form())
}

// UnmarshalJSON reads what MarshalJSON gives, of at most 512 bytes, and nothing else: a member that is
// unknown, missing, there twice or written another way, and another version, is an [*abuse.Error].
func (r *Receipt) UnmarshalJSON(data []byte) error {
	bad := &abuse.Error{Field: "receipt", Problem: "must be one as of version 1"}
	var f receiptForm
	if !readForm(data, &f, "v", "week", "undone", "softened", "overturned") {
		return bad
	}
	week, err := time.Parse(time.DateOnly, f.Week)
	got := Receipt{week, f.Undone, f.Softened, f.Overturned}
	if err != nil || !got.valid() || got.form() != f {
		return bad
	}
	*r = got
	return nil
}

// day says whether a time is a day of UTC, from 1970 to 9999.
func day(t time.Time) bool {
	t = t.UTC()
	return t.Unix() >= 0 && t.Year() <= 9999 && t.Equal(t.Truncate(24*time.Hour))
}

// readForm reads an object that has each of the members once, with no letter otherwise, and no other.
func readForm(data []byte, form any, members ...string) bool {
	if len(data) > maxExchange {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for dec.More() {
		name, err := dec.Token()
		i := slices.IndexFunc(members, func(m string) bool { return m == name })
		if err != nil || i < 0 {
			return false
		}
		members = slices.Delete(members, i, i+1)
		switch value, _ := dec.Token(); value.(type) { // nil where there is an error
		case string, float64:
		default:
			return false
		}
	}
	if _, err := dec.Token(); err != nil || len(members) > 0 {
		return false
	}
	if _, err := dec.Token(); err != io.EOF {
		return false
	}
	return json.Unmarshal(data, form) == nil
}
