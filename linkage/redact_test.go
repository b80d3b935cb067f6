package linkage_test

import (
	"bytes"
	"encoding/hex"
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

// A publication holds the epoch's key, and what stands for identifiers: whoever sees
// the digest of one can try all numbers.
func TestPublicationDoesNotPrint(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) { publicationDoesNotPrint(t, protocol) })
	}
}

func publicationDoesNotPrint(t *testing.T, protocol string) {
	p := linkagetest.NewParties(func(a *linkage.Agreement) { a.Protocol = protocol })
	id := phone(t, 1)
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice([]linkage.Flagged{{ID: uuid.UUID{1}, Identifiers: []hashing.Identifier{id}, Label: []byte("links")}}))
	require.NoError(t, err)
	digest := id.Digest(p.Agreement.Digest())
	part := digest[:4]
	secrets := []string{string(part), hex.EncodeToString(part), strings.Trim(fmt.Sprint(part), "[]"), fmt.Sprintf("0x%x, 0x%x, 0x%x", part[0], part[1], part[2]),
		fmt.Sprintf("%02x %02x %02x", part[0], part[1], part[2]), "links", hex.EncodeToString([]byte("links"))}

	for _, v := range []any{pub, *pub, struct{ P any }{pub}, []any{*pub}} {
		var text, object bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("starting", "publication", v)
		slog.New(slog.NewJSONHandler(&object, nil)).Info("starting", "publication", v)
		printed := []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%x", v), text.String(), object.String(), spew.Sdump(v), spew.Sprintf("%#+v", v)}
		for _, secret := range secrets {
			for _, s := range printed {
				require.NotContains(t, s, secret)
			}
		}
	}
	for _, s := range []string{fmt.Sprint(pub), fmt.Sprintf("%+v", pub), fmt.Sprintf("%#v", *pub)} {
		require.Equal(t, "linkage.Publication", s)
	}
}
