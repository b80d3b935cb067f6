package abuse_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

// The wire format. A byte that changes here is a new version.
func TestSignalKnownAnswers(t *testing.T) {
	direct := strong(1, "messenger")
	passed := strong(2, "bank")
	passed.Cause, passed.Path, passed.Revision = id(9), []string{"messenger", "mail.example"}, 300
	passed.FirstObserved = passed.LastObserved.Add(-200 * time.Second)
	vague := strong(3, "x")
	vague.FirstObserved, vague.LastObserved, vague.Reports = time.Time{}, time.Time{}, 0
	for _, c := range []struct {
		signal abuse.Signal
		hex    string
	}{
		{direct, "0102019a0000000070008000000000000001020155030205050e016b7634806aff8d800001096d657373656e676572"},
		{passed, "0103019a0000000070008000000000000002019a0000000070008000000000000009020155030205050eac026b7634806aff8d80c801030462616e6b096d657373656e6765720c6d61696c2e6578616d706c65"},
		{vague, "0100019a00000000700080000000000000030201550302050500016b763480010178"},
	} {
		b, err := c.signal.MarshalBinary()
		require.NoError(t, err)
		assert.Equal(t, c.hex, hex.EncodeToString(b))
		back, err := abuse.ParseSignal(b)
		require.NoError(t, err)
		assert.Equal(t, c.signal, back)
	}
}

// Ten thousand random signals, from a fixed seed, in one digest.
func TestSignalAccumulated(t *testing.T) {
	r, h := rand.New(rand.NewPCG(1, 2)), sha256.New()
	for n := range 10_000 {
		s := randomSignal(r, n)
		b, err := s.MarshalBinary()
		require.NoError(t, err)
		h.Write(b)
		require.LessOrEqual(t, len(b), 100, "a usual signal is small")
		back, err := abuse.ParseSignal(b)
		require.NoError(t, err)
		if len(s.Path) == 0 {
			s.Path = nil
		}
		require.Equal(t, s, back)
	}
	assert.Equal(t, "fb1105b908feb9b38e4d51164e0fb56851e6ccf1a0f4dec9d451a4f67b12a861", hex.EncodeToString(h.Sum(nil)))
}

func TestLargestSignal(t *testing.T) {
	s := strong(1, strings.Repeat("a", 64))
	s.Cause, s.Reports, s.Revision = id(2), 1<<32-1, 1<<64-1
	for i := range abuse.MaxPath {
		s.Path = append(s.Path, strings.Repeat(string(rune('b'+i)), 8))
	}
	s.FirstObserved = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	s.LastObserved = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
	s.ValidUntil = time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC)
	b, err := s.MarshalBinary()
	require.NoError(t, err)
	assert.Len(t, b, abuse.MaxSignalSize)
	assert.Less(t, abuse.MaxSignalSize, 256)
	s.Path[0] += "b"
	assert.Error(t, s.Validate())
	require.Error(t, func() error { _, err := abuse.ParseSignal(append(b, 0)); return err }())
}

func TestSignalValidate(t *testing.T) {
	valid := strong(1, "messenger")
	require.NoError(t, valid.Validate())
	for field, change := range map[string]func(*abuse.Signal){
		"id":             func(s *abuse.Signal) { s.ID[6] = 0x40 },
		"cause":          func(s *abuse.Signal) { s.Cause = s.ID },
		"origin":         func(s *abuse.Signal) { s.Origin = "Messenger" },
		"path":           func(s *abuse.Signal) { s.Path = []string{"mail", "mail"} },
		"category":       func(s *abuse.Signal) { s.Category = 16 },
		"class":          func(s *abuse.Signal) { s.Class = 0 },
		"confidence":     func(s *abuse.Signal) { s.Confidence = 101 },
		"severity":       func(s *abuse.Signal) { s.Severity = 5 },
		"review":         func(s *abuse.Signal) { s.Review = 0 },
		"permitted":      func(s *abuse.Signal) { s.Permitted = 6 },
		"action_taken":   func(s *abuse.Signal) { s.ActionTaken = 0 },
		"valid_until":    func(s *abuse.Signal) { s.ValidUntil = s.LastObserved },
		"first_observed": func(s *abuse.Signal) { s.FirstObserved = s.LastObserved.Add(time.Second) },
		"last_observed":  func(s *abuse.Signal) { s.LastObserved = s.LastObserved.Add(time.Millisecond) },
	} {
		t.Run(field, func(t *testing.T) {
			s := valid
			change(&s)
			err := s.Validate()
			var e *abuse.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "signal "+field, e.Field)
			b, err := s.AppendBinary([]byte("x"))
			assert.Error(t, err)
			assert.Equal(t, []byte("x"), b)
		})
	}
	for name, change := range map[string]func(*abuse.Signal){
		"origin on the path":  func(s *abuse.Signal) { s.Path = []string{"messenger"} },
		"nine on the path":    func(s *abuse.Signal) { s.Path = strings.Split("a,b,c,d,e,f,g,h,i", ",") },
		"empty name":          func(s *abuse.Signal) { s.Path = []string{""} },
		"long name":           func(s *abuse.Signal) { s.Origin = strings.Repeat("a", 65) },
		"a sentence for name": func(s *abuse.Signal) { s.Origin = "bank, and all is well" },
		"negative confidence": func(s *abuse.Signal) { s.Confidence = -1 },
		"nil id":              func(s *abuse.Signal) { s.ID = uuid.Nil },
		"other variant":       func(s *abuse.Signal) { s.ID[8] = 0xc0 },
		"only last observed":  func(s *abuse.Signal) { s.FirstObserved = time.Time{} },
		"only first observed": func(s *abuse.Signal) { s.LastObserved = time.Time{} },
		"valid too long":      func(s *abuse.Signal) { s.ValidUntil = s.LastObserved.Add(abuse.MaxValidity + time.Second) },
		"no end":              func(s *abuse.Signal) { s.ValidUntil = time.Time{} },
		"before 2000":         func(s *abuse.Signal) { s.FirstObserved = time.Unix(946684799, 0) },
		"after 2099": func(s *abuse.Signal) {
			s.LastObserved = time.Time{}
			s.FirstObserved = time.Time{}
			s.ValidUntil = time.Unix(4102444800, 0)
		},
	} {
		s := valid
		change(&s)
		assert.Error(t, s.Validate(), name)
	}
	var zero abuse.Signal
	joined, ok := zero.Validate().(interface{ Unwrap() []error })
	require.True(t, ok)
	assert.Len(t, joined.Unwrap(), 9, "every problem at once")
}

func TestParseSignalRefuses(t *testing.T) {
	s := strong(1, "messenger")
	s.Path, s.Cause = []string{"bank"}, id(2)
	b, err := s.MarshalBinary()
	require.NoError(t, err)
	for n := range b {
		got, err := abuse.ParseSignal(b[:n])
		require.Error(t, err, n)
		require.Zero(t, got)
	}
	_, err = abuse.ParseSignal(append(bytes.Clone(b), 0))
	assert.Error(t, err, "one byte too many")

	// reports 14 (0x0e) stands behind version, flags, two ids and seven bytes
	at := 2 + 16 + 16 + 7
	require.EqualValues(t, 14, b[at])
	for name, number := range map[string][]byte{
		"long varint":     {0x8e, 0x00},
		"more than 2^32":  binary.AppendUvarint(nil, 1<<32+14),
		"more than 2^64":  bytes.Repeat([]byte{0xff}, 10),
		"endless varint":  bytes.Repeat([]byte{0x80}, 100),
		"missing, rather": {},
	} {
		bad := append(append(bytes.Clone(b[:at]), number...), b[at+1:]...)
		got, err := abuse.ParseSignal(bad)
		assert.Error(t, err, name)
		assert.Zero(t, got)
	}
	for name, change := range map[string]func([]byte){
		"version 0":     func(b []byte) { b[0] = 0 },
		"version 2":     func(b []byte) { b[0] = 2 },
		"unknown flag":  func(b []byte) { b[1] |= 4 },
		"zero cause":    func(b []byte) { clear(b[18:34]) },
		"category 0":    func(b []byte) { b[34] = 0 },
		"confidence":    func(b []byte) { b[36] = 101 },
		"no names":      func(b []byte) { b[bytes.Index(b, []byte("messenger"))-2] = 0 },
		"ten names":     func(b []byte) { b[bytes.Index(b, []byte("messenger"))-2] = 10 },
		"capital":       func(b []byte) { b[bytes.Index(b, []byte("bank"))] = 'B' },
		"a name longer": func(b []byte) { b[bytes.Index(b, []byte("bank"))-1] = 5 },
	} {
		bad := bytes.Clone(b)
		change(bad)
		got, err := abuse.ParseSignal(bad)
		assert.Error(t, err, name)
		assert.Zero(t, got)
	}
	for problem, data := range map[string][]byte{"is empty": nil, "is of an unknown version": {2, 0}, "is not well formed": {1, 0},
		"is too long": append([]byte{1}, make([]byte, abuse.MaxSignalSize)...)} {
		_, err := abuse.ParseSignal(data)
		assert.EqualError(t, err, "abuse: signal "+problem)
	}
	kept := s
	assert.Error(t, kept.UnmarshalBinary(b[:9]))
	assert.Zero(t, kept)
}

// A span longer than 32 bits must not wrap round to a short one.
func TestParseSignalSpanDoesNotWrap(t *testing.T) {
	s := strong(1, "messenger")
	s.FirstObserved = s.LastObserved.Add(-time.Second)
	b, err := s.MarshalBinary()
	require.NoError(t, err)
	at := bytes.Index(b, []byte("\x01\x01\x09messenger"))
	require.Positive(t, at)
	bad := append(append(bytes.Clone(b[:at]), binary.AppendUvarint(nil, 1<<32+1)...), b[at+1:]...)
	_, err = abuse.ParseSignal(bad)
	assert.Error(t, err)
}

func TestSignalJSON(t *testing.T) {
	s := strong(1, "messenger")
	b, err := json.Marshal(s)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":"019a0000-0000-7000-8000-000000000001","origin":"messenger","category":"phishing",
		"class":"confirmed","confidence":85,"severity":"high","review":"automatic","reports":14,
		"first_observed":"2026-11-20T00:00:00Z","last_observed":"2026-11-20T00:00:00Z","valid_until":"2027-02-18T00:00:00Z",
		"permitted":"externally-visible-direct-actions","action_taken":"suspend","revision":1}`, string(b))
	var back abuse.Signal
	require.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, s, back)
	_, err = json.Marshal(abuse.Signal{})
	assert.Error(t, err)
}

func FuzzParseSignal(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 20 {
		s := randomSignal(r, n)
		b, err := s.MarshalBinary()
		require.NoError(f, err)
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := abuse.ParseSignal(data)
		if err != nil {
			require.Zero(t, s)
			return
		}
		require.NoError(t, s.Validate())
		b, err := s.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, data, b)
		// Whatever a partner sends, deciding on it is calm.
		e := abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{sighting(s, 1, 2)}}
		d := abuse.Decide(e, policy(t), now)
		require.LessOrEqual(t, d.Action, abuse.Friction, "nothing is known of the account")
		_, err = json.Marshal(d)
		require.NoError(t, err)
	})
}
