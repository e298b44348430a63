package guest

import (
	"context"
	"crypto/rand"
	"encoding/json"
)

// A Client is the typed face of one guest. Changing methods take the id of the intent they serve: the same id again
// gets the first one's outcome. All errors that come from the guest or from the way to it are *Error (errors.As).
// A Client is safe for concurrent use when its Carrier is, which every Carrier has to be.
type Client struct {
	carrier Carrier
	newID   func() string
}

// NewClient makes a client over a carrier. newID makes ids for ping and inspect that no other open request has; nil
// stands for random ones. The caller closes the carrier.
func NewClient(carrier Carrier, newID func() string) *Client {
	if newID == nil {
		newID = rand.Text
	}
	return &Client{carrier: carrier, newID: newID}
}

// Ping asks who answers.
func (c *Client) Ping(ctx context.Context) (Pong, error) {
	return call[Pong](ctx, c, c.newID(), MethodPing, nil)
}

// Inspect asks for everything about the guest at once.
func (c *Client) Inspect(ctx context.Context, body Inspect) (Inspection, error) {
	return call[Inspection](ctx, c, c.newID(), MethodInspect, body)
}

// Prepare makes the guest ready; see the type Prepare.
func (c *Client) Prepare(ctx context.Context, id string, body Prepare) (Prepared, error) {
	return call[Prepared](ctx, c, id, MethodPrepare, body)
}

// Rotate replaces the guest's identity by the next generation; see the type Rotate.
func (c *Client) Rotate(ctx context.Context, id string, body Rotate) (Rotated, error) {
	return call[Rotated](ctx, c, id, MethodRotate, body)
}

// PutDatabase makes a database exist; see the type PutDatabase.
func (c *Client) PutDatabase(ctx context.Context, id string, body PutDatabase) (Done, error) {
	return call[Done](ctx, c, id, MethodPutDatabase, body)
}

// DropDatabase removes a database; see the type DropDatabase.
func (c *Client) DropDatabase(ctx context.Context, id string, body DropDatabase) (Done, error) {
	return call[Done](ctx, c, id, MethodDropDatabase, body)
}

// PutUser makes an account exist; see the type PutUser.
func (c *Client) PutUser(ctx context.Context, id string, body PutUser) (UserPut, error) {
	return call[UserPut](ctx, c, id, MethodPutUser, body)
}

// DropUser removes an account; see the type DropUser.
func (c *Client) DropUser(ctx context.Context, id string, body DropUser) (Done, error) {
	return call[Done](ctx, c, id, MethodDropUser, body)
}

// Configure makes the values the whole set of managed settings; see the type Configure.
func (c *Client) Configure(ctx context.Context, id string, body Configure) (Configured, error) {
	return call[Configured](ctx, c, id, MethodConfigure, body)
}

// Restart restarts the engine and returns when it answers a query.
func (c *Client) Restart(ctx context.Context, id string) (Done, error) {
	return call[Done](ctx, c, id, MethodRestart, Restart{})
}

// ResizeVolume makes the file system fill its device; see the type ResizeVolume.
func (c *Client) ResizeVolume(ctx context.Context, id string, body ResizeVolume) (VolumeResized, error) {
	return call[VolumeResized](ctx, c, id, MethodResizeVolume, body)
}

// PutRoot gives or takes the account of the engine's administrator; see the type PutRoot.
func (c *Client) PutRoot(ctx context.Context, id string, body PutRoot) (RootPut, error) {
	return call[RootPut](ctx, c, id, MethodPutRoot, body)
}

// PutLogs makes these logs the enabled ones; see the type PutLogs.
func (c *Client) PutLogs(ctx context.Context, id string, body PutLogs) (Done, error) {
	return call[Done](ctx, c, id, MethodPutLogs, body)
}

// RotateLog begins a log anew; see the type RotateLog.
func (c *Client) RotateLog(ctx context.Context, id string, body RotateLog) (Done, error) {
	return call[Done](ctx, c, id, MethodRotateLog, body)
}

// Certify gives the engine its certificate; see the type Certify.
func (c *Client) Certify(ctx context.Context, id string, body Certify) (Certified, error) {
	return call[Certified](ctx, c, id, MethodCertify, body)
}

// Metrics asks for the engine's figures.
func (c *Client) Metrics(ctx context.Context) (Metrics, error) {
	return call[Metrics](ctx, c, c.newID(), MethodMetrics, nil)
}

// ReadLog reads a part of a log; see the type ReadLog.
func (c *Client) ReadLog(ctx context.Context, body ReadLog) (LogPart, error) {
	return call[LogPart](ctx, c, c.newID(), MethodReadLog, body)
}

func call[T any](ctx context.Context, c *Client, id string, method Method, body any) (T, error) {
	var none T
	request := Request{Version: Version, ID: id, Method: method}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return none, Errorf(KindInvalid, "encoding the request %s: %v", method, err)
		}
		request.Body = text
	}
	result, err := c.carrier.Call(ctx, request)
	if err != nil {
		return none, err
	}
	return DecodeBody[T](result)
}
