// protobuf's wire format, for the tables in messages.ts. Written here because Debian 12 packages no
// protobuf library for Node; it knows what Refinery's schema uses and skips what it does not know.

export type EnumTable = Readonly<Record<string, number>>;

export interface Field {
  number: number;
  name: string;
  kind: "string" | "bytes" | "bool" | "double" | "int32" | "uint32" | "int64" | "uint64" | "enum" | "message";
  /** implicit: zero is not sent; optional: absent is undefined; choice: of a oneof, told by `kind`. */
  rule: "implicit" | "optional" | "choice" | "repeated";
  enum?: EnumTable;
  // Any message; the generated tables check the name.
  message?: () => Message<any>;
}

/** A message's fields. The type parameter is its interface. */
export interface Message<T> {
  fields: readonly Field[];
  /** Never there: ties the table to its interface. */
  type?: T;
}

/** What is given to be sent: any field may be left out. */
export type Init<T> = T extends Uint8Array | bigint
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Init<Item>[]
    : T extends object
      ? { [Key in keyof T]?: Init<T[Key]> }
      : T;

/** Bytes that are no message. */
export class DecodeError extends Error {}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const WIRE_TYPES: Record<Field["kind"], number> = {
  string: DELIMITED, bytes: DELIMITED, message: DELIMITED, double: FIXED64,
  bool: VARINT, int32: VARINT, uint32: VARINT, int64: VARINT, uint64: VARINT, enum: VARINT,
};

const RANGES: Partial<Record<Field["kind"], readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

type Values = Record<string, unknown>;

/** A message's bytes. Throws TypeError, with the field, for one that does not exist or a value that it
 * cannot hold. */
export function encode<T>(message: Message<T>, value: Init<T>): Uint8Array {
  const out: Uint8Array[] = [];
  write(message, value as Values, "", out);
  return concatenated(out);
}

function write(message: Message<unknown>, values: Values, path: string, out: Uint8Array[]): void {
  for (const name of Object.keys(values)) {
    if (name !== "kind" && !message.fields.some((field) => field.name === name)) {
      const known = message.fields.map((field) => field.name).join(", ");
      throw new TypeError(`there is no field ${path}${name}; there are ${known}`);
    }
  }
  for (const field of message.fields) {
    const value = values[field.name];
    if (value === undefined || value === null) continue;
    if (field.rule === "repeated") {
      if (!Array.isArray(value)) throw wrong(path + field.name, value, "an array");
      value.forEach((item, index) => writeField(field, item, `${path}${field.name}[${index}]`, out, true));
    } else {
      writeField(field, value, path + field.name, out, field.rule !== "implicit");
    }
  }
}

function writeField(field: Field, value: unknown, path: string, out: Uint8Array[], isSent: boolean): void {
  const data = encoded(field, value, path);
  const isDelimited = WIRE_TYPES[field.kind] === DELIMITED;
  if (!isSent && data.every((byte) => byte === 0 && !isDelimited)) return;
  out.push(varint((BigInt(field.number) << 3n) | BigInt(WIRE_TYPES[field.kind])));
  if (isDelimited) out.push(varint(BigInt(data.length)));
  out.push(data);
}

function encoded(field: Field, value: unknown, path: string): Uint8Array {
  switch (field.kind) {
    case "string":
      if (typeof value !== "string") throw wrong(path, value, "a string");
      return new TextEncoder().encode(value);
    case "bytes":
      if (!(value instanceof Uint8Array)) throw wrong(path, value, "a Uint8Array");
      return value;
    case "bool":
      if (typeof value !== "boolean") throw wrong(path, value, "true or false");
      return varint(value ? 1n : 0n);
    case "double": {
      if (typeof value !== "number") throw wrong(path, value, "a number");
      const data = new Uint8Array(8);
      new DataView(data.buffer).setFloat64(0, value, true);
      return data;
    }
    case "enum": {
      const number = typeof value === "string" ? field.enum?.[value] : undefined;
      if (number === undefined) throw wrong(path, value, Object.keys(field.enum ?? {}).join(", "));
      return varint(BigInt(number));
    }
    case "message": {
      if (typeof value !== "object") throw wrong(path, value, "an object");
      const out: Uint8Array[] = [];
      write(field.message!(), value as Values, `${path}.`, out);
      return concatenated(out);
    }
    default: {
      const [least, most] = RANGES[field.kind]!;
      if (typeof value !== "bigint" && !Number.isInteger(value)) throw wrong(path, value, "an integer");
      const integer = BigInt(value as number | bigint);
      if (integer < least || integer > most) throw wrong(path, value, `from ${least} to ${most}`);
      return varint(BigInt.asUintN(64, integer));
    }
  }
}

function wrong(path: string, value: unknown, allowed: string): TypeError {
  return new TypeError(`${path} cannot be ${String(value)}: it is ${allowed}`);
}

function varint(value: bigint): Uint8Array {
  const out: number[] = [];
  for (; value > 127n; value >>= 7n) out.push(Number(value & 127n) | 128);
  out.push(Number(value));
  return Uint8Array.from(out);
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** The message. Throws DecodeError for bytes that are none. */
export function decode<T>(message: Message<T>, data: Uint8Array): T {
  const values: Values = {};
  for (const field of message.fields) {
    if (field.rule === "repeated") values[field.name] = [];
    else if (field.rule === "implicit") values[field.name] = zero(field);
  }
  const reader = new Reader(data);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const wireType = Number(tag & 7n);
    const field = message.fields.find((candidate) => BigInt(candidate.number) === tag >> 3n);
    if (field === undefined) {
      reader.skip(wireType);
    } else if (field.rule === "repeated") {
      const items = values[field.name] as unknown[];
      if (wireType === DELIMITED && WIRE_TYPES[field.kind] !== DELIMITED) {
        const packed = new Reader(reader.delimited());
        while (!packed.isAtEnd) items.push(read(field, packed));
      } else {
        expect(field, wireType);
        items.push(read(field, reader));
      }
    } else {
      expect(field, wireType);
      values[field.name] = read(field, reader);
      if (field.rule === "choice") values["kind"] = field.name;
    }
  }
  return values as T;
}

function zero(field: Field): unknown {
  switch (field.kind) {
    case "string": return "";
    case "bytes": return new Uint8Array();
    case "bool": return false;
    case "int64": case "uint64": return 0n;
    case "enum": return nameOf(field, 0);
    default: return 0;
  }
}

function expect(field: Field, wireType: number): void {
  if (wireType !== WIRE_TYPES[field.kind]) throw new DecodeError(`${field.name} has wire type ${wireType}`);
}

function read(field: Field, reader: Reader): unknown {
  switch (field.kind) {
    case "string":
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(reader.delimited());
      } catch {
        throw new DecodeError(`${field.name} is not UTF-8`);
      }
    case "bytes": return reader.delimited().slice();
    case "message": return decode(field.message!(), reader.delimited());
    case "double": return reader.double();
    case "bool": return reader.varint() !== 0n;
    case "int32": return Number(BigInt.asIntN(32, reader.varint()));
    case "uint32": return Number(BigInt.asUintN(32, reader.varint()));
    case "int64": return BigInt.asIntN(64, reader.varint());
    case "uint64": return reader.varint();
    case "enum": return nameOf(field, Number(BigInt.asIntN(32, reader.varint())));
  }
}

function nameOf(field: Field, number: number): string {
  const entry = Object.entries(field.enum!).find(([, known]) => known === number);
  return entry?.[0] ?? "UNRECOGNIZED";
}

class Reader {
  private offset = 0;
  private readonly view: DataView;

  constructor(private readonly data: Uint8Array) {
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get isAtEnd(): boolean {
    return this.offset === this.data.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.data[this.offset++];
      if (byte === undefined) throw new DecodeError("it ends in a number");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new DecodeError("a number has more than 10 bytes");
  }

  double(): number {
    return this.view.getFloat64(this.advance(8), true);
  }

  delimited(): Uint8Array {
    const length = this.varint();
    if (length > BigInt(this.data.length)) throw new DecodeError("it ends in a field");
    const start = this.advance(Number(length));
    return this.data.subarray(start, this.offset);
  }

  skip(wireType: number): void {
    switch (wireType) {
      case VARINT: this.varint(); break;
      case FIXED64: this.advance(8); break;
      case DELIMITED: this.delimited(); break;
      case FIXED32: this.advance(4); break;
      default: throw new DecodeError(`there is no wire type ${wireType} here`);
    }
  }

  private advance(byteCount: number): number {
    const start = this.offset;
    if (start + byteCount > this.data.length) throw new DecodeError("it ends in a field");
    this.offset += byteCount;
    return start;
  }
}
