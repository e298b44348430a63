package pipe_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

func TestContract(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		transporttest.Run(t, func(t *testing.T, handler guest.Handler) transporttest.Guest {
			server := transporttest.NewStreamServer(t, handler)
			dial := func(context.Context) (guest.Carrier, error) {
				here, there := net.Pipe()
				go server.Serve(there)
				return pipe.Dial(here), nil
			}
			return transporttest.Guest{Dial: dial, Kill: server.Kill, Garble: server.Garble}
		})
	})
	t.Run("unix socket", func(t *testing.T) {
		transporttest.Run(t, func(t *testing.T, handler guest.Handler) transporttest.Guest {
			server := transporttest.NewStreamServer(t, handler)
			path := filepath.Join(t.TempDir(), "s")
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			kill := func() {
				_ = listener.Close()
				server.Kill()
			}
			t.Cleanup(kill)
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go server.Serve(conn)
				}
			}()
			dial := func(ctx context.Context) (guest.Carrier, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
				if err != nil {
					return nil, guest.Errorf(guest.KindUnreachable, "%v", err)
				}
				return pipe.Dial(conn), nil
			}
			return transporttest.Guest{Dial: dial, Kill: kill, Garble: server.Garble}
		})
	})
}
