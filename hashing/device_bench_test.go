package hashing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

// devices are made-up identifiers that pass, one for each form.
var devices = []struct {
	name string
	kind hashing.Kind
	text string
}{
	{"IMEI", hashing.IMEI, "351829407361952"},
	{"IMEISV", hashing.IMEI, "3518294073619502"},
	{"MEID", hashing.MEID, "A1B03F7C2D94E6"},
	{"AdvertisingID", hashing.AdvertisingID, "5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1"},
	{"VendorID", hashing.VendorID, "C02F7B81-64DA-4E95-9A3D-E1570B48F926"},
	{"AndroidID", hashing.AndroidID, "7c3e91f05ab2d846"},
	{"InstallID64", hashing.InstallID, "e94b07d2136fa85c"},
	{"InstallID128", hashing.InstallID, "b6a83f0d5c1e4972a0d9e47b358c61f2"},
}

func parse(t testing.TB, kind hashing.Kind, text string) hashing.Identifier {
	t.Helper()
	id, err := hashing.ParseDevice(kind, text)
	require.NoError(t, err)
	return id
}

func BenchmarkParseDevice(b *testing.B) {
	for _, d := range devices {
		b.Run(d.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hashing.ParseDevice(d.kind, d.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDigest(b *testing.B) {
	id := parse(b, hashing.AndroidID, "7c3e91f05ab2d846")
	salt := [32]byte{1}
	b.ReportAllocs()
	for b.Loop() {
		id.Digest(salt)
	}
}

func BenchmarkToken(b *testing.B) {
	id := parse(b, hashing.AndroidID, "7c3e91f05ab2d846")
	key := hashing.NewKey()
	b.ReportAllocs()
	for b.Loop() {
		key.Token(id)
	}
}

func BenchmarkTokenText(b *testing.B) {
	token := hashing.NewKey().Token(parse(b, hashing.AndroidID, "7c3e91f05ab2d846"))
	text := token.String()
	b.Run("Marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = token.MarshalText()
		}
	})
	b.Run("Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = hashing.ParseToken(text)
		}
	})
}
