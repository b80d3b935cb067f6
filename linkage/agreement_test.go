package linkage_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

func TestAgreementRoundTrip(t *testing.T) {
	p := linkagetest.NewParties()
	data, err := json.Marshal(p.Agreement)
	require.NoError(t, err)
	back, err := linkage.ParseAgreement(data)
	require.NoError(t, err)
	require.NoError(t, back.Verify())
	require.Equal(t, p.Agreement, back)
	require.Equal(t, p.Agreement.Digest(), back.Digest())
}

// The digest is over RFC 8785: another implementation sorts the members of the
// JSON object and finds the same bytes. Marshalling a map sorts.
func TestAgreementFormIsCanonical(t *testing.T) {
	p := linkagetest.NewParties()
	data, err := json.Marshal(p.Agreement)
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &members))
	require.Contains(t, members, "signatures")
	signatures := members["signatures"]
	delete(members, "signatures")
	for name, m := range members {
		var object map[string]any
		if json.Unmarshal(m, &object) == nil {
			sorted, err := json.Marshal(object)
			require.NoError(t, err)
			require.Equal(t, string(sorted), string(m), name)
		}
	}
	sorted, err := json.Marshal(members)
	require.NoError(t, err)
	require.Equal(t, string(data), strings.TrimSuffix(string(sorted), "}")+`,"signatures":`+string(signatures)+"}")
}

// Every field but the signatures changes the digest, so that no two agreements
// that differ in anything can be taken for one another. The walk finds the
// fields by itself: a new one is covered the day it is added.
func TestAgreementDigestCoversEveryField(t *testing.T) {
	p := linkagetest.NewParties()
	want := p.Agreement.Digest()
	fields := 0
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		change := func(to any) {
			fields++
			old := reflect.ValueOf(v.Interface())
			v.Set(reflect.ValueOf(to).Convert(v.Type()))
			require.NotEqual(t, want, p.Agreement.Digest(), path)
			v.Set(old)
			require.Equal(t, want, p.Agreement.Digest(), path)
		}
		switch x := v.Interface().(type) {
		case uuid.UUID:
			change(uuid.New())
		case time.Time:
			change(x.Add(time.Second))
		case []hashing.Kind:
			change(x[:len(x)-1])
		case []byte:
			change(append([]byte{x[0] ^ 1}, x[1:]...))
		case string:
			change(x + "x")
		case int, int64:
			change(v.Int() + 1)
		case bool:
			change(!x)
		case linkage.Purpose:
			change(x + 1)
		default:
			require.Equal(t, reflect.Struct, v.Kind(), path)
			for i := range v.NumField() {
				name := v.Type().Field(i).Name
				if name != "Signatures" {
					walk(path+"."+name, v.Field(i))
				}
			}
		}
	}
	walk("Agreement", reflect.ValueOf(p.Agreement).Elem())
	require.Greater(t, fields, 18)
}

func TestAgreementSignaturesDoNotChangeTheDigest(t *testing.T) {
	p := linkagetest.NewParties()
	want := p.Agreement.Digest()
	p.Agreement.Signatures = linkage.Signatures{}
	require.Equal(t, want, p.Agreement.Digest())
}

func TestValidateReturnsEveryProblem(t *testing.T) {
	var fields []string
	for _, e := range joined((&linkage.Agreement{}).Validate()) {
		var f *linkage.FieldError
		require.ErrorAs(t, e, &f)
		fields = append(fields, f.Field)
	}
	for _, want := range []string{"version", "id", "transmitter.name", "transmitter.key", "receiver.name", "receiver.key",
		"purpose", "kinds", "normalisation", "protocol", "epoch_days", "limits.additions_per_day",
		"limits.identifiers", "limits.records", "limits.signals_per_day", "limits.signals_per_identifier",
		"valid_from", "valid_until"} {
		require.Contains(t, fields, want)
	}

	for field, spoil := range map[string]func(*linkage.Agreement){
		"version":                       func(a *linkage.Agreement) { a.Version = 2 },
		"id":                            func(a *linkage.Agreement) { a.ID = uuid.Nil },
		"transmitter.name":              func(a *linkage.Agreement) { a.Transmitter.Name = "Messenger" },
		"receiver.name":                 func(a *linkage.Agreement) { a.Receiver.Name = a.Transmitter.Name },
		"receiver.key":                  func(a *linkage.Agreement) { a.Receiver.Key = a.Transmitter.Key },
		"transmitter.key":               func(a *linkage.Agreement) { a.Transmitter.Key = a.Transmitter.Key[1:] },
		"purpose":                       func(a *linkage.Agreement) { a.Purpose = 99 },
		"kinds":                         func(a *linkage.Agreement) { a.Kinds = nil },
		"kinds[1]":                      func(a *linkage.Agreement) { a.Kinds = []hashing.Kind{hashing.IMEI, hashing.Phone} },
		"kinds[0]":                      func(a *linkage.Agreement) { a.Kinds, a.SameVendor = []hashing.Kind{hashing.AndroidID}, false },
		"normalisation":                 func(a *linkage.Agreement) { a.Normalisation = "" },
		"protocol":                      func(a *linkage.Agreement) { a.Protocol = "sha256" },
		"label_bytes":                   func(a *linkage.Agreement) { a.LabelBytes = 65 },
		"epoch_days":                    func(a *linkage.Agreement) { a.EpochDays = 367 },
		"limits.identifiers":            func(a *linkage.Agreement) { a.Limits.Identifiers = 1<<40 + 1 },
		"limits.records":                func(a *linkage.Agreement) { a.Limits.Records = 0 },
		"limits.signals_per_identifier": func(a *linkage.Agreement) { a.Limits.SignalsPerIdentifier = 257 },
		"limits.signals_per_day":        func(a *linkage.Agreement) { a.Limits.SignalsPerDay = -1 },
		"limits.additions_per_day":      func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 0 },
		"valid_from":                    func(a *linkage.Agreement) { a.ValidFrom = a.ValidFrom.Add(time.Millisecond) },
		"valid_until":                   func(a *linkage.Agreement) { a.ValidUntil = a.ValidFrom },
	} {
		a := *linkagetest.NewParties().Agreement
		spoil(&a)
		faults := joined(a.Validate())
		require.Len(t, faults, 1, field)
		var f *linkage.FieldError
		require.ErrorAs(t, faults[0], &f)
		require.Equal(t, field, f.Field)
	}
}

func joined(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return nil
}

func TestVerifyNeedsBothSignaturesOfTheParties(t *testing.T) {
	p := linkagetest.NewParties()
	require.NoError(t, p.Agreement.Verify())

	swapped := *p.Agreement
	swapped.Signatures.Receiver, swapped.Signatures.Transmitter = swapped.Signatures.Transmitter, swapped.Signatures.Receiver
	require.Len(t, joined(swapped.Verify()), 2, "a signature is for one role")

	unsigned := *p.Agreement
	unsigned.Signatures.Receiver = nil
	require.ErrorContains(t, unsigned.Verify(), "signatures.receiver")

	changed := *p.Agreement
	changed.Limits.Identifiers++
	require.Len(t, joined(changed.Verify()), 2, "a changed agreement is unsigned")

	_, stranger, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	var f *linkage.FieldError
	require.ErrorAs(t, p.Agreement.Sign(linkage.Receiver, stranger), &f)
	require.Equal(t, "receiver.key", f.Field)
}

// Under a key of small order there is a signature that verifies for every
// message: such a party could deny whatever it has signed.
func TestKeysOfSmallOrderAreRefused(t *testing.T) {
	identity := append([]byte{1}, make([]byte, 31)...)
	order4 := make([]byte, 32)
	nonCanonical := append(append([]byte{0xee}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)
	for name, key := range map[string][]byte{"identity": identity, "order 4": order4, "not canonical": nonCanonical,
		"no point": append([]byte{2}, make([]byte, 31)...)} {
		a := *linkagetest.NewParties().Agreement
		a.Receiver.Key = key
		require.ErrorContains(t, a.Validate(), "receiver.key", name)
	}
	require.True(t, ed25519.Verify(identity, []byte("anything"), append(bytes.Clone(identity), make([]byte, 32)...)),
		"this is why")
}

func TestSignNeedsARole(t *testing.T) {
	p := linkagetest.NewParties()
	require.Error(t, p.Agreement.Sign(0, p.Receiver))
	require.Error(t, p.Agreement.Sign(3, p.Receiver))
}

func TestEpoch(t *testing.T) {
	a := linkagetest.NewParties(func(a *linkage.Agreement) { a.EpochDays = 30 }).Agreement
	for _, c := range []struct {
		at    time.Time
		epoch uint32
		ok    bool
	}{
		{a.ValidFrom.Add(-time.Second), 0, false},
		{a.ValidFrom, 0, true},
		{a.ValidFrom.Add(30*24*time.Hour - time.Second), 0, true},
		{a.ValidFrom.Add(30 * 24 * time.Hour), 1, true},
		{a.ValidUntil.Add(-time.Second), 1217, true},
		{a.ValidUntil, 0, false},
	} {
		epoch, ok := a.Epoch(c.at)
		require.Equal(t, c.ok, ok, c.at)
		require.Equal(t, c.epoch, epoch, c.at)
	}
}

func TestAdmits(t *testing.T) {
	a := linkagetest.NewParties(func(a *linkage.Agreement) {
		a.SameVendor = false
		a.Kinds = []hashing.Kind{hashing.Phone, hashing.IMEI}
	}).Agreement
	require.NoError(t, a.Admits(hashing.Phone))
	var k *linkage.KindError
	require.ErrorAs(t, a.Admits(hashing.AdvertisingID), &k)
	require.Contains(t, k.Why, "does not name")
	require.ErrorAs(t, a.Admits(hashing.VendorID), &k)
	require.Equal(t, hashing.VendorID, k.Kind)
	require.Contains(t, k.Why, "vendor")
}

func TestParseAgreementIsStrict(t *testing.T) {
	good, err := json.Marshal(linkagetest.NewParties().Agreement)
	require.NoError(t, err)
	for name, bad := range map[string]string{
		"empty":          "",
		"unknown member": strings.Replace(string(good), `{"epoch_days"`, `{"note":1,"epoch_days"`, 1),
		"trailing":       string(good) + "{}",
		"too long":       string(good) + strings.Repeat(" ", 16<<10),
		"unknown kind":   strings.Replace(string(good), `"phone"`, `"telephone"`, 1),
		"unknown aim":    strings.Replace(string(good), `"fraud_and_abuse_prevention"`, `"everything"`, 1),
		"invalid":        "{}",
		"a member twice": strings.Replace(string(good), `{"epoch_days":30`, `{"epoch_days":1,"epoch_days":30`, 1),
		"one below":      strings.Replace(string(good), `"records":`, `"records":1,"records":`, 1),
		"no label_bytes": strings.Replace(string(good), `"label_bytes":64,`, ``, 1),
		"no same_vendor": strings.Replace(strings.Replace(string(good), `"same_vendor":true,`, ``, 1), `["phone","imei","meid","advertising_id","vendor_id","android_id","install_id"]`, `["phone"]`, 1),
		"other letters":  strings.Replace(string(good), `{"epoch_days":30`, `{"EPOCH_DAYS":1,"epoch_days":30`, 1),
	} {
		a, err := linkage.ParseAgreement([]byte(bad))
		require.Error(t, err, name)
		require.Nil(t, a, name)
	}
}

func FuzzParseAgreement(f *testing.F) {
	good, err := json.Marshal(linkagetest.NewParties().Agreement)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := linkage.ParseAgreement(data)
		if err != nil {
			require.Nil(t, a)
			return
		}
		require.NoError(t, a.Validate())
		again, err := json.Marshal(a)
		require.NoError(t, err)
		b, err := linkage.ParseAgreement(again)
		require.NoError(t, err)
		require.Equal(t, a.Digest(), b.Digest())
	})
}

func TestPurposes(t *testing.T) {
	names := map[string]bool{}
	for p := linkage.Purpose(0); p < 255; p++ {
		if !p.Valid() {
			require.Empty(t, p.DPV())
			require.Equal(t, "invalid", p.String())
			require.True(t, p.OptOutApplies(), "what is not known to be security can be opted out of")
			_, err := p.MarshalText()
			require.Error(t, err)
			continue
		}
		require.True(t, strings.HasPrefix(p.DPV(), "dpv:"))
		require.False(t, names[p.String()])
		names[p.String()] = true
		text, err := p.MarshalText()
		require.NoError(t, err)
		var back linkage.Purpose
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, p, back)
	}
	require.Len(t, names, 6)
	require.False(t, linkage.Security.OptOutApplies())
	require.False(t, linkage.FraudAndAbusePrevention.OptOutApplies())
	for _, p := range []linkage.Purpose{linkage.Advertising, linkage.Product, linkage.FriendSuggestion, linkage.Analytics} {
		require.True(t, p.OptOutApplies(), p)
	}
	var p linkage.Purpose
	require.Error(t, p.UnmarshalText([]byte("Security")))
	require.Equal(t, linkage.Purpose(0), p)
}

func TestErrorsNameTheirCodes(t *testing.T) {
	seen := map[string]bool{}
	for c := linkage.ErrInput; c <= linkage.ErrLeft; c++ {
		require.NotContains(t, c.Error(), "unknown", c)
		require.False(t, seen[c.Error()], c)
		seen[c.Error()] = true
		err := fmt.Errorf("wrapped: %w", &linkage.Error{Code: c, Round: "opening", Remote: true})
		require.ErrorIs(t, err, c)
		require.False(t, errors.Is(err, linkage.Code(200)))
	}
}
