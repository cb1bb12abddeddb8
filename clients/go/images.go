package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	pb "refinery/client/refinerypb"
)

// pieceByteCount is of a picture, in one call; with its envelope it must stay below the server's 1 MiB.
const pieceByteCount = 512 << 10

// ReadImage fetches a finished image's PNG, in pieces, across lost connections too, and checks it.
func (c *Client) ReadImage(ctx context.Context, jobID string, imageIndex uint32) ([]byte, error) {
	var png []byte
	for {
		request := &pb.ReadImageRequest{JobId: jobID, ImageIndex: imageIndex, Offset: uint64(len(png))}
		chunk := &pb.ImageChunk{}
		if err := c.callAgain(ctx, imageService, "ReadImage", request, chunk); err != nil {
			return nil, err
		}
		if chunk.Offset != uint64(len(png)) || len(chunk.Data) == 0 {
			return nil, fmt.Errorf("refinery: byte %d of the picture was asked for, and byte %d came", len(png), chunk.Offset)
		}
		png = append(png, chunk.Data...)
		if uint64(len(png)) < chunk.ByteCount {
			continue
		}
		if digest := sha256.Sum256(png); !bytes.Equal(digest[:], chunk.Sha256) {
			return nil, errors.New("refinery: the picture did not arrive as it is on the server: try again")
		}
		return png, nil
	}
}

// ReadImageChunk fetches part of a finished image's PNG, at most 3 MiB.
func (c *Client) ReadImageChunk(ctx context.Context, request *pb.ReadImageRequest) (*pb.ImageChunk, error) {
	chunk := &pb.ImageChunk{}
	return chunk, c.call(ctx, imageService, "ReadImage", request, chunk)
}

// Upload sends a PNG file, in pieces; its name goes into SeedImage and MaskImage of requests.
func (c *Client) Upload(ctx context.Context, picture []byte) (string, error) {
	digest := sha256.Sum256(picture)
	offset := uint64(0)
	// A server that asks for the same piece again and again is not obeyed for ever.
	for attempt := 0; attempt < 2*(len(picture)/pieceByteCount+1); attempt++ {
		end := offset + pieceByteCount
		if end > uint64(len(picture)) {
			end = uint64(len(picture))
		}
		reply := &pb.UploadedImage{}
		err := c.call(ctx, imageService, "UploadImage", &pb.UploadImageRequest{
			Data: picture[offset:end], Offset: offset, Total: uint64(len(picture)), Sha256: digest[:],
		}, reply)
		if err != nil {
			return "", err
		}
		if reply.Complete {
			return reply.Sha256, nil
		}
		if reply.Received > uint64(len(picture)) {
			break
		}
		offset = reply.Received
	}
	return "", errors.New("refinery: the server does not take in the picture")
}
