package abusetest_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/abusetest"
)

// Whatever is planted is found, wherever it is.
func TestFind(t *testing.T) {
	tag := make([]byte, 16)
	_, _ = rand.Read(tag)
	secrets := [][]byte{[]byte("+49 1512 3456789"), []byte("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), tag}
	device, err := hex.DecodeString("6ba7b8109dad11d180b400c04fd430c8")
	require.NoError(t, err)
	planted := []struct {
		text   string
		secret int
	}{
		{"+49 1512 3456789", 0}, {"+4915123456789", 0}, {"4915123456789", 0}, {"004915123456789", 0}, {"015123456789", 0}, {"15123456789", 0},
		{"%2B4915123456789", 0}, {hex.EncodeToString([]byte("+4915123456789")), 0}, {"9\x001\x005\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00", 0},
		{base64.StdEncoding.EncodeToString([]byte(`{"p":"+4915123456789"}`)), 0}, {base64.URLEncoding.EncodeToString([]byte(`{"pp":"4915123456789"}`)), 0},
		{base64.RawStdEncoding.EncodeToString([]byte(`{"ppp":"4915123456789"}`)), 0},
		{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", 1}, {"6BA7B8109DAD11D180B400C04FD430C8", 1}, {string(device), 1},
		{string(tag), 2}, {hex.EncodeToString(tag), 2}, {strings.ToUpper(hex.EncodeToString(tag)), 2}, {base64.RawURLEncoding.EncodeToString(tag), 2},
	}
	noise := make([]byte, 100_000)
	_, _ = rand.Read(noise)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "noise"), noise, 0o600))
	found, err := abusetest.Find(dir, secrets...)
	require.NoError(t, err)
	require.Empty(t, found)
	for i, p := range planted {
		sub := filepath.Join(dir, fmt.Sprint(i), "below")
		require.NoError(t, os.MkdirAll(sub, 0o700))
		at := i * 5_000
		text := append(append(append([]byte{}, noise[:at]...), p.text...), noise[at:]...)
		require.NoError(t, os.WriteFile(filepath.Join(sub, "file"), text, 0o600))
		found, err := abusetest.Find(sub, secrets...)
		require.NoError(t, err)
		require.Len(t, found, 1, p.text)
		require.Contains(t, found[0], fmt.Sprintf("holds secret %d at", p.secret))
	}
	_, err = abusetest.Find(dir, []byte("short"))
	require.Error(t, err)
	_, err = abusetest.Find(filepath.Join(dir, "nowhere"))
	require.Error(t, err)
}
