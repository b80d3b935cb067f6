package hashing_test

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

func TestToken(t *testing.T) {
	key := hashing.NewKey()
	seen := map[hashing.Token]string{}
	for _, d := range devices {
		id := parse(t, d.kind, d.text)
		token := key.Token(id)
		assert.Equal(t, token, key.Token(id))
		assert.Equal(t, d.kind, token.Kind())
		assert.Equal(t, key.ID(), token.KeyID())
		assert.False(t, token.IsZero())
		assert.NotEqual(t, token, hashing.NewKey().Token(id))
		seen[token] = d.name
	}
	assert.Len(t, seen, len(devices)-1, "the IMEI and its IMEISV are one device")
	assert.NotEqual(t,
		text(t, key.Token(parse(t, hashing.AndroidID, "7c3e91f05ab2d846")))[18:],
		text(t, key.Token(parse(t, hashing.InstallID, "7c3e91f05ab2d846")))[18:], "kinds are apart")
}

func text(t *testing.T, token hashing.Token) string {
	t.Helper()
	b, err := token.MarshalText()
	require.NoError(t, err)
	return string(b)
}

func TestTokenForms(t *testing.T) {
	token := fixedKey(t).Token(parse(t, hashing.IMEI, "351829407361952"))
	s := token.String()
	assert.Len(t, s, 39)
	assert.True(t, strings.HasPrefix(s, "hct1."))
	assert.Equal(t, s, fmt.Sprint(token))
	assert.Equal(t, s, text(t, token))

	back, err := hashing.ParseToken(s)
	require.NoError(t, err)
	assert.Equal(t, token, back)

	type row struct {
		Token hashing.Token
		By    map[hashing.Token]int
	}
	encoded, err := json.Marshal(row{token, map[hashing.Token]int{token: 1}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"Token":"`+s+`","By":{"`+s+`":1}}`, string(encoded))
	var decoded row
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	assert.Equal(t, row{token, map[hashing.Token]int{token: 1}}, decoded)

	inXML, err := xml.Marshal(struct {
		XMLName xml.Name      `xml:"row"`
		Token   hashing.Token `xml:"token,attr"`
	}{Token: token})
	require.NoError(t, err)
	assert.Equal(t, `<row token="`+s+`"></row>`, string(inXML))

	value, err := token.Value()
	require.NoError(t, err)
	assert.Equal(t, s, value)
	for _, column := range []any{s, []byte(s)} {
		var scanned hashing.Token
		require.NoError(t, scanned.Scan(column))
		assert.Equal(t, token, scanned)
	}
	var null sql.Null[hashing.Token]
	require.NoError(t, null.Scan(nil))
	assert.False(t, null.Valid)
	require.NoError(t, null.Scan(s))
	assert.Equal(t, token, null.V)
}

func TestTokenRefusals(t *testing.T) {
	token := fixedKey(t).Token(parse(t, hashing.IMEI, "351829407361952"))
	good := token.String()
	kept := token
	for _, column := range []any{nil, 1, int64(1), 1.5, true, "", []byte(nil), good + " ", []byte(good[1:])} {
		assert.ErrorIs(t, token.Scan(column), hashing.ErrTokenText, "%v", column)
		assert.Equal(t, kept, token, "as it was")
	}
	// Every length but one; every byte of the alphabet in the last place that
	// would leave stray bits; kinds that are none.
	for n := range 80 {
		s := (good + good + good)[:n]
		_, err := hashing.ParseToken(s)
		assert.Equal(t, n == 39, err == nil, "%d", n)
	}
	accepted := 0
	for c := range 256 {
		if back, err := hashing.ParseToken(good[:38] + string([]byte{byte(c)})); err == nil {
			accepted++
			assert.Equal(t, good[:38]+string([]byte{byte(c)}), back.String())
		}
	}
	assert.Equal(t, 4, accepted, "two bits are left over")
	for kind := range 256 {
		raw := make([]byte, 25)
		raw[8] = byte(kind)
		_, err := hashing.ParseToken("hct1." + base64.RawURLEncoding.EncodeToString(raw))
		assert.Equal(t, hashing.Kind(kind).Valid(), err == nil, "%d", kind)
	}
	for _, s := range []string{"hct2." + good[5:], "HCT1." + good[5:], good[:20] + "\n" + good[21:], good[:20] + "=" + good[21:], good[:20] + "+" + good[21:]} {
		_, err := hashing.ParseToken(s)
		assert.ErrorIs(t, err, hashing.ErrTokenText, "%q", s)
	}

	var zero hashing.Token
	assert.True(t, zero.IsZero())
	assert.Equal(t, "hashing.Token(none)", zero.String())
	_, err := zero.MarshalText()
	assert.ErrorIs(t, err, hashing.ErrTokenText)
	_, err = zero.Value()
	assert.ErrorIs(t, err, hashing.ErrTokenText)
	_, err = json.Marshal(zero)
	assert.ErrorIs(t, err, hashing.ErrTokenText)
	_, err = hashing.ParseToken(zero.String())
	assert.ErrorIs(t, err, hashing.ErrTokenText)
}

func FuzzParseToken(f *testing.F) {
	key := fixedKey(f)
	for _, d := range devices {
		f.Add(key.Token(parse(f, d.kind, d.text)).String())
	}
	f.Add("")
	f.Add("hct1." + strings.Repeat("A", 34))
	f.Add("hct1." + strings.Repeat("\n", 34))
	f.Fuzz(func(t *testing.T, text string) {
		token, err := hashing.ParseToken(text)
		if err != nil {
			require.ErrorIs(t, err, hashing.ErrTokenText)
			require.True(t, token.IsZero())
			return
		}
		require.True(t, token.Kind().Valid())
		require.Equal(t, text, token.String())
	})
}
