package strength

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// Bounds of a model. They keep every weight within some hundred bits, far from what a float64
// cannot hold.
const (
	// MinRate is the least prior and the least m or u.
	MinRate = 1e-15
	// MaxRate is the greatest prior and the greatest m or u.
	MaxRate = 1 - 1e-9
	// MinStray is the least Stray.
	MinStray = 1e-6
	// MaxStray is the greatest Stray.
	MaxStray = 1e3
	// MaxTypical is the greatest Typical, in accounts.
	MaxTypical = 1e6
	// MaxHalfLife is the longest HalfLife, in days.
	MaxHalfLife = 1e5
	// MaxModel is the most bytes that a model in JSON may have.
	MaxModel = 1 << 16
)

// Rate is how often a question is answered with yes: M if the two accounts are one person's, U if
// they are not. Both lie from MinRate to MaxRate, and M is not below U, so that a yes never speaks
// against a match. The zero Rate says that the question is not asked: no answer weighs anything.
type Rate struct {
	M float64 `json:"m"`
	U float64 `json:"u"`
}

// bits is what an answer weighs.
func (r Rate) bits(answer abuse.Truth) float64 {
	switch {
	case r == Rate{}:
		return 0
	case answer == abuse.Yes:
		return math.Log2(r.M / r.U)
	case answer == abuse.No:
		return math.Log2((1 - r.M) / (1 - r.U))
	}
	return 0
}

func (r Rate) valid() bool { return r.U >= MinRate && r.M >= r.U && r.M <= MaxRate }

// Field has the parameters of one kind of identifier. The zero Field is invalid.
type Field struct {
	Kind hashing.Kind `json:"kind"`
	// Agree is about all pairs of accounts that both have an identifier of the kind. Needed.
	Agree Rate `json:"agree"`
	// Held is about pairs whose identifiers agree: whether the account here had it before the first
	// report. U is about strays; those estimated are of all wrong pairs. Zero: not asked.
	Held Rate `json:"held,omitzero"`
	// Verified is about pairs whose identifiers agree: whether the account here has proved that it
	// holds it. Zero: not asked.
	Verified Rate `json:"verified,omitzero"`
	// Typical is the mean number of accounts that hold an identifier which rightly agrees, from 1
	// to MaxTypical. Of what is held by a number of accounts that is not known, so many are taken
	// to hold it. Zero: how shared it is does not weigh.
	Typical float64 `json:"typical,omitempty"`
	// Stray is how many wrong agreements there are to a right one that do not come from the other
	// holders whom one knows of, but from a number handed out again or a device sold; from MinStray
	// to MaxStray, at which how shared it is hardly weighs. Needed with Typical, and zero without.
	Stray float64 `json:"stray,omitempty"`
	// HalfLife is the time, in days, in which half of the identifiers of the kind change hands,
	// from 1 to MaxHalfLife. Zero: how long after the last report it came does not weigh.
	HalfLife float64 `json:"half_life_days,omitempty"`
}

// Model is all parameters. It is a value: make it with [Default], [ParseModel] or [Estimate], or by
// hand, and [Model.Validate] it. The zero Model is invalid; used all the same, it gives every
// comparison no weight, and a probability of 0.
//
// Its JSON form is that of encoding/json: {"prior":1e-7,"dependence":0.25,"fields":[..]}.
type Model struct {
	// Prior is the probability that an account there and an account here, taken at random, are one
	// person's; from MinRate to MaxRate.
	Prior float64 `json:"prior"`
	// Dependence is the part of their bits that agreements beside the heaviest count, among the
	// devices and among the numbers; from 0, as if they were all one finding, to 1, as if they were
	// independent.
	Dependence float64 `json:"dependence"`
	// Fields, each kind once, in any order. Of other kinds no answer weighs anything.
	Fields []Field `json:"fields"`
}

// Default gives the model that is shipped. The package documentation says whence its figures come.
func Default() Model {
	phoneHeld, deviceHeld := Rate{M: .95, U: .4}, Rate{M: .9, U: .4}
	device := func(k hashing.Kind, m, u, typical, stray, halfLife float64) Field {
		return Field{Kind: k, Agree: Rate{M: m, U: u}, Held: deviceHeld, Typical: typical, Stray: stray, HalfLife: halfLife}
	}
	return Model{Prior: 1e-7, Dependence: .25, Fields: []Field{
		{Kind: hashing.Phone, Agree: Rate{M: .8, U: 1.2e-8}, Held: phoneHeld, Verified: Rate{M: .9, U: .6}, Typical: 1.1, Stray: .05, HalfLife: 7 * 365},
		device(hashing.IMEI, .6, 1.8e-8, 1.1, .2, 3*365),
		device(hashing.MEID, .6, 1.8e-8, 1.1, .2, 3*365),
		device(hashing.AdvertisingID, .5, 5e-9, 1.05, .05, 2*365),
		device(hashing.VendorID, .7, 7e-9, 1.05, .05, 3*365),
		device(hashing.AndroidID, .7, 7e-9, 1.05, .05, 3*365),
		device(hashing.InstallID, .9, 3e-9, 1.02, .02, 3*365),
	}}
}

// Validate returns every problem at once, joined, each an [*abuse.Error]; nil if there is none.
func (m Model) Validate() error {
	var problems []error
	check := func(ok bool, field, problem string) {
		if !ok {
			problems = append(problems, &abuse.Error{Field: "strength " + field, Problem: problem})
		}
	}
	check(m.Prior >= MinRate && m.Prior <= MaxRate, "prior", "must be above 0 and below 1, 1e-15 to 1 - 1e-9")
	check(m.Dependence >= 0 && m.Dependence <= 1, "dependence", "must be 0 to 1")
	check(len(m.Fields) > 0, "fields", "must hold one kind at least")
	var seen uint64
	const rates = "must have m and u from 1e-15 to 1 - 1e-9, m not below u"
	for i, f := range m.Fields {
		name := fmt.Sprintf("field %d ", i)
		if !f.Kind.Valid() {
			check(false, name+"kind", "must be a kind of identifier")
		} else {
			name = f.Kind.String() + " "
			check(seen&(1<<f.Kind) == 0, name+"field", "must be there once")
			seen |= 1 << f.Kind
		}
		check(f.Agree.valid(), name+"agree", rates)
		check(f.Held == Rate{} || f.Held.valid(), name+"held", rates)
		check(f.Verified == Rate{} || f.Verified.valid(), name+"verified", rates)
		check(f.Typical == 0 || f.Typical >= 1 && f.Typical <= MaxTypical, name+"typical", "must be 0, or 1 to 1e6 accounts")
		check(f.Typical == 0 && f.Stray == 0 || f.Typical != 0 && f.Stray >= MinStray && f.Stray <= MaxStray, name+"stray", "must be 1e-6 to 1e3 with typical, and else 0")
		check(f.HalfLife == 0 || f.HalfLife >= 1 && f.HalfLife <= MaxHalfLife, name+"half life", "must be 0, or 1 to 1e5 days")
	}
	return errors.Join(problems...)
}

// ParseModel reads the JSON form and validates it. Unknown fields, text after the model and more
// than MaxModel bytes are refused. With an error, which is an [*abuse.Error] or several joined and
// holds nothing of the text, the Model is zero.
func ParseModel(data []byte) (Model, error) {
	bad := func(problem string) (Model, error) {
		return Model{}, &abuse.Error{Field: "strength model", Problem: problem}
	}
	if len(data) > MaxModel {
		return bad("must have at most 65536 bytes")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var m Model
	if err := dec.Decode(&m); err != nil {
		// What encoding/json says may hold bytes of the text.
		return bad(fmt.Sprintf("is not the JSON of one, near byte %d", dec.InputOffset()))
	}
	if _, err := dec.Token(); err != io.EOF {
		return bad(fmt.Sprintf("has something after its end, near byte %d", dec.InputOffset()))
	}
	if err := m.Validate(); err != nil {
		return Model{}, err
	}
	return m, nil
}

// Hash names the model: the SHA-256 of its JSON form with its fields by kind. It is zero for a
// model that holds what JSON cannot, which is not valid.
func (m Model) Hash() abuse.Digest {
	m.Fields = slices.Clone(m.Fields)
	slices.SortFunc(m.Fields, func(a, b Field) int { return cmp.Compare(a.Kind, b.Kind) })
	data, err := json.Marshal(m)
	if err != nil {
		return abuse.Digest{}
	}
	return sha256.Sum256(data)
}

// field gives the parameters of a kind.
func (m *Model) field(k hashing.Kind) (Field, bool) {
	i := slices.IndexFunc(m.Fields, func(f Field) bool { return f.Kind == k })
	if i < 0 {
		return Field{}, false
	}
	return m.Fields[i], true
}
