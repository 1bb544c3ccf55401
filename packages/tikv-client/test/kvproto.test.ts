import { join } from "node:path";

import { type DescEnum, type DescField, type DescFile, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";

import { run } from "../../../tools/lib/run.ts";
import { file_errorpb } from "../src/gen/errorpb_pb.ts";
import { file_keyspacepb } from "../src/gen/keyspacepb_pb.ts";
import { file_kvrpcpb } from "../src/gen/kvrpcpb_pb.ts";
import { file_metapb } from "../src/gen/metapb_pb.ts";
import { file_pdpb } from "../src/gen/pdpb_pb.ts";
import { file_tikvpb } from "../src/gen/tikvpb_pb.ts";

const FILES: readonly DescFile[] = [file_errorpb, file_keyspacepb, file_kvrpcpb, file_metapb, file_pdpb, file_tikvpb];
const GO_MINUTES = 10;

type Named<Value> = Readonly<Record<string, Value>>;

/** What test/kvproto prints. */
interface Facts {
  readonly messages: Named<Named<string>>;
  readonly enums: Named<Named<number>>;
  readonly methods: Named<string>;
}

async function kvproto(): Promise<Facts> {
  const cwd = join(import.meta.dirname, "kvproto");
  const names = FILES.map(({ name }) => `${name}.proto`);
  const { code, output } = await run("go", ["run", ".", ...names], { cwd, env: { CGO_ENABLED: "0" } });
  if (code === 127) throw new Error("Go is missing: install Go 1.26 or later from https://go.dev/dl.");
  if (code !== 0) throw new Error(`go run failed in test/kvproto:\n${output}`);
  // Above it, the Go tool tells what it fetched.
  return JSON.parse(output.slice(output.indexOf("{"))) as Facts;
}

function own(): Facts {
  const types = FILES.flatMap((file) => [...nestedTypes(file)]);
  const messages = types.filter((type): type is DescMessage => type.kind === "message");
  const enums = types.filter((type): type is DescEnum => type.kind === "enum");
  const methods = FILES.flatMap(({ services }) => services.flatMap((service) => service.methods));
  return {
    messages: named(messages, ({ fields }) => Object.fromEntries(fields.map((field) => [field.name, describe(field)]))),
    enums: named(enums, ({ values }) => Object.fromEntries(values.map(({ name, number }) => [name, number]))),
    methods: Object.fromEntries(
      methods.map(({ parent, name, methodKind, input, output }) => {
        const stream = methodKind === "bidi_streaming" ? "stream " : "";
        return [`${parent.typeName}/${name}`, `${stream}${input.typeName} -> ${stream}${output.typeName}`];
      }),
    ),
  };
}

function named<Type extends { readonly typeName: string }, Value>(
  types: readonly Type[],
  value: (type: Type) => Value,
): Named<Value> {
  return Object.fromEntries(types.map((type) => [type.typeName, value(type)]));
}

function describe(field: DescField): string {
  const repeated = field.fieldKind === "list" ? "repeated " : "";
  const type = field.message?.typeName ?? field.enum?.typeName ?? ScalarType[field.scalar ?? 0]?.toLowerCase();
  return `${field.number} ${repeated}${type}`;
}

test(
  "every name, number and type is that of the kvproto that client-go is built with",
  async () => {
    const ours = own();
    // Ours is a part of theirs, and every name of ours stands in theirs with the same meaning.
    expect(await kvproto()).toMatchObject(ours);
    expect(Object.keys(ours.messages).length).toBeGreaterThan(50);
    expect(Object.keys(ours.methods).length).toBeGreaterThan(20);
  },
  GO_MINUTES * 60_000,
);
