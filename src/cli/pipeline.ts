/** `skein pipeline validate|plan|graph|import|schema`: without any node. */
import { Option, type Command } from 'commander';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { line } from './io.ts';
import type { ParamFlags } from './params.ts';
import { addImport } from './pipeline-import.ts';
import { addPlan } from './pipeline-plan.ts';
import { compileFile } from './run.ts';
import { action, collect, type AddVerb } from './verb.ts';

interface GraphFlags extends ParamFlags {
  readonly format: 'mermaid' | 'dot' | 'json' | 'text';
}

export const addPipeline: AddVerb = (program, context) => {
  const { io } = context;
  const pipeline = program.command('pipeline').description('check and draw pipeline files, without a node');
  const { ok } = exitCodes;
  withParams(pipeline.command('validate <file>').description('check a file; every problem with its line')).action(
    action(context, async (file: string, flags: ParamFlags): Promise<ExitCode> => {
      const spec = await compileFile(io, file, flags);
      line(io.stdout, `${file} is valid: ${spec.name}, ${spec.modules.length === 1 ? '1 module' : `${spec.modules.length} modules`}`);
      return ok;
    }),
  );
  addPlan(withParams(pipeline.command('plan <file>')), context);
  withParams(
    pipeline
      .command('graph <file>')
      .description('the modules and their needs as a graph')
      .addOption(new Option('--format <format>', 'what to draw for').choices(['mermaid', 'dot', 'json', 'text']).default('text')),
  ).action(
    action(context, async (file: string, flags: GraphFlags): Promise<ExitCode> => {
      const [{ formatGraph }, spec] = await Promise.all([import('../pipeline/graph.ts'), compileFile(io, file, flags)]);
      line(io.stdout, formatGraph(spec, flags.format));
      return ok;
    }),
  );
  addImport(pipeline, context);
  pipeline
    .command('schema')
    .description('the JSON Schema of pipeline files, for editors')
    .action(
      action(context, async (): Promise<ExitCode> => {
        const { pipelineSchema } = await import('../pipeline/schema.ts');
        line(io.stdout, JSON.stringify(pipelineSchema(), null, 2));
        return ok;
      }),
    );
};

function withParams(command: Command): Command {
  return command.addOption(new Option('-p, --param <name=value>', 'a parameter; repeatable').argParser(collect)).option('--params-file <file>', 'parameters from a YAML or JSON file');
}
