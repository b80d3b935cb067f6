package linkage_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/davecgh/go-spew/spew"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// What holds keys, values of the function or identifiers prints none of them, whichever way it
// is printed: neither digests nor published tags, from which a guess can be tried.
func TestFeedDoesNotPrint(t *testing.T) {
	id := phone(t, 1)
	d := onDuty(t, linkagetest.NewParties(inBulk), []linkage.Account{{Ref: "a-reference", Identifiers: []hashing.Identifier{id}}})
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	blinding, err := d.blinder.Blind(t.Context(), []hashing.Identifier{id})
	require.NoError(t, err)
	about, err := d.sealer.Values(d.own, id)
	require.NoError(t, err)
	r := only(t, d, &linkage.Flagged{ID: uuid.UUID{7}, Sequence: 1, Identifiers: []hashing.Identifier{id}, Label: []byte("links")})
	live, base, digest := r.Tag(0, 0), r.Tag(0, 1), id.Digest(d.Agreement.Digest())

	var secrets []string
	for _, b := range [][]byte{live[:], base[:], digest[:], []byte("links"), []byte("a-reference"), d.Transmitter, d.Receiver} {
		part := b[:min(5, len(b))]
		secrets = append(secrets, string(part), hex.EncodeToString(part), fmt.Sprint(part)[1:len(fmt.Sprint(part))-1],
			fmt.Sprintf("0x%x, 0x%x, 0x%x", part[0], part[1], part[2]), fmt.Sprintf("%02x %02x %02x %02x", part[0], part[1], part[2], part[3]))
	}
	for _, v := range []any{d.base, *d.base, d.sealer, *d.sealer, d.evaluator, *d.evaluator, blinding, *blinding, k, *k, about,
		d.blinder, *d.blinder, struct{ V any }{d.base}, []any{d.sealer, k}} {
		var text, object bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&object, nil)).Info("x", "v", v)
		asJSON, _ := json.Marshal(v)
		for _, printed := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%x", v), fmt.Sprintf("%q", v),
			text.String(), object.String(), string(asJSON), spew.Sdump(v), spew.Sprintf("%#+v", v)} {
			for _, secret := range secrets {
				require.False(t, strings.Contains(printed, secret), "%T", v)
			}
		}
	}
}

// A row is noise without its key: nothing of what was published is in it.
func TestRowsHoldNothingPublished(t *testing.T) {
	id := phone(t, 1)
	d := onDuty(t, linkagetest.NewParties(), nil)
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	r := only(t, d, &linkage.Flagged{ID: uuid.UUID{7}, Sequence: 1, Identifiers: []hashing.Identifier{id}})
	kept, tag, digest := d.evaluate(t, k, id)[0], r.Tag(0, 0), id.Digest(d.Agreement.Digest())
	about, err := d.sealer.Values(d.own, id)
	require.NoError(t, err)
	row := bytes.Join([][]byte{kept.Tag[:], kept.Value[:], kept.Token[:], about.Token[:], about.Values}, nil)
	for _, b := range [][]byte{tag[:], digest[:]} {
		for at := 0; at+4 <= len(b); at++ {
			require.NotContains(t, string(row), string(b[at:at+4]))
		}
	}
}
