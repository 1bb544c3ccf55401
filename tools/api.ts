// Compares what a package exports with the checked-in report etc/<package>.api.md, so that a change of the public surface
// shows in the diff. Runs in the package's folder; "--update" rewrites the reports.
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";

import { Extractor, ExtractorConfig, ExtractorLogLevel, type IConfigFile } from "@microsoft/api-extractor";

import { type Manifest, readJson, root } from "./lib/workspace.ts";

const folder = process.cwd();
const update = process.argv.includes("--update");

/** Turns "./dist/index.js" into the declarations beside it. */
const declarations = (path: string, file: string): string => join(path, file.replace(/\.js$/, ".d.ts"));

const entries = (manifest: Manifest): [string, string][] => Object.entries(manifest.publishConfig?.exports ?? {});

function check(subpath: string, file: string): boolean {
  const reportFileName = `${basename(folder)}${subpath.slice(1).replaceAll("/", ".")}.api.md`;
  const configObject: IConfigFile = {
    projectFolder: folder,
    mainEntryPointFilePath: declarations(folder, file),
    compiler: {
      overrideTsconfig: {
        compilerOptions: {
          target: "ES2024",
          lib: ["ES2024", "ESNext.Array", "ESNext.Disposable"],
          module: "NodeNext",
          moduleResolution: "NodeNext",
          types: ["node"],
          skipLibCheck: true,
          // Names of this workspace lead to its sources, whose imports end in ".ts".
          rewriteRelativeImportExtensions: true,
        },
        files: [declarations(folder, file)],
      },
    },
    apiReport: {
      enabled: true,
      reportFileName,
      reportFolder: join(folder, "etc"),
      reportTempFolder: join(root, "node_modules", ".cache", "orbit", "etc"),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    messages: {
      extractorMessageReporting: {
        // A type that callers meet but can't import is written into the report, where a reviewer sees it.
        "ae-forgotten-export": { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
      },
    },
    newlineKind: "lf",
  };
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, "package.json"),
  });
  const result = Extractor.invoke(config, {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel !== ExtractorLogLevel.Error) return;
      process.stderr.write(`${message.formatMessageWithLocation(folder)}\n`);
    },
  });
  if (result.apiReportChanged && !update) {
    process.stderr.write(`etc/${reportFileName} does not say what the package exports now: run "pnpm api:update".\n`);
  }
  return update ? result.errorCount === 0 : result.succeeded && !result.apiReportChanged;
}

if (update) mkdirSync(join(folder, "etc"), { recursive: true });
const results = entries(readJson<Manifest>(join(folder, "package.json"))).map(([subpath, file]) =>
  check(subpath, file),
);
process.exitCode = results.every(Boolean) ? 0 : 1;
