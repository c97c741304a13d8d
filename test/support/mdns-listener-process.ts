/** Hears mDNS on one interface: `node mdns-listener-process.ts ADDRESS`. Prints one line a packet, `query` or `response`, and ends with its standard input. */
import { createSocket } from "node:dgram";

const MDNS = { group: "224.0.0.251", port: 5353 };
/** In the third byte of the header: whether the packet is a response (RFC 1035, 4.1.1). */
const RESPONSE_BIT = 0x80;

const [address = ""] = process.argv.slice(2);
const socket = createSocket({ type: "udp4", reuseAddr: true });
socket.on("message", (packet) => process.stdout.write(((packet[2] ?? 0) & RESPONSE_BIT) === 0 ? "query\n" : "response\n"));
socket.bind(MDNS.port, () => {
  socket.addMembership(MDNS.group, address);
  process.stdout.write("listening\n");
});
process.stdin.resume();
process.stdin.once("end", () => socket.close());
